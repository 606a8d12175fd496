import numpy as np
import pytest

from src.activations import softmax
from src.losses import cross_entropy
from tests.docs_script import docs_script
from tests.gradient_check import largest_relative_error, numerical_gradient

SMOOTHING = [0.0, 0.1, 0.5]


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(0, 2, (7, 10))


LABELS = np.array([3, 0, 9, 9, 1, 4, 0])


def test_one_row_by_hand():
    loss, d_logits = cross_entropy(np.log([[1.0, 3.0]]), np.array([0]))  # p = 1/4, 3/4
    assert loss == pytest.approx(np.log(4), rel=1e-14)
    np.testing.assert_allclose(d_logits, [[-3 / 4, 3 / 4]], rtol=1e-14)


def test_label_smoothing_by_hand():
    # targets 0.9 and 0.1: the loss is 0.9 ln 4 + 0.1 ln (4/3)
    loss, d_logits = cross_entropy(np.log([[1.0, 3.0]]), np.array([0]), label_smoothing=0.2)
    assert loss == pytest.approx(0.9 * np.log(4) + 0.1 * np.log(4 / 3), rel=1e-14)
    np.testing.assert_allclose(d_logits, [[0.25 - 0.9, 0.75 - 0.1]], rtol=1e-14)


def test_it_is_a_mean_over_the_batch(logits):
    loss, d_logits = cross_entropy(logits, LABELS)
    rows = [cross_entropy(logits[i : i + 1], LABELS[i : i + 1]) for i in range(7)]
    assert loss == pytest.approx(np.mean([row_loss for row_loss, _ in rows]), rel=1e-13)
    np.testing.assert_allclose(d_logits, np.concatenate([d for _, d in rows]) / 7, rtol=1e-12)


def test_equal_logits_cost_ln_10():
    loss, _ = cross_entropy(np.full((5, 10), 3.0), np.arange(5))
    assert loss == pytest.approx(np.log(10), rel=1e-14)


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_gradient_is_that_of_exactly_this_loss(logits, smoothing):
    _, d_logits = cross_entropy(logits, LABELS, smoothing)
    numeric = numerical_gradient(lambda: cross_entropy(logits, LABELS, smoothing)[0], logits)
    assert largest_relative_error(d_logits, numeric) < 1e-7


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_the_textbook_form_gives_the_same_loss_and_gradient(logits, smoothing):
    """L and dL/dp of p = softmax(logits), then back through softmax, as in the worked example."""
    loss, d_logits = cross_entropy(logits, LABELS, smoothing)
    p, t = softmax(logits), (1 - smoothing) * np.eye(10)[LABELS] + smoothing / 10
    assert loss == pytest.approx(-np.sum(t * np.log(p)) / len(p), rel=1e-13)
    long_way = docs_script("worked_example").softmax_backward(-t / (len(p) * p), p)
    np.testing.assert_allclose(d_logits, long_way, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_are_finite_and_right(dtype):
    logits = np.array([[10_000, -10_000]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        right, d_right = cross_entropy(logits, np.array([0]))
        wrong, d_wrong = cross_entropy(logits, np.array([1]))
        smoothed, d_smoothed = cross_entropy(logits, np.array([0]), label_smoothing=0.5)
    assert (right, wrong, smoothed) == (0, 20_000, 5_000)
    np.testing.assert_array_equal(d_right, [[0, 0]])
    np.testing.assert_array_equal(d_wrong, [[1, -1]])
    np.testing.assert_array_equal(d_smoothed, [[0.25, -0.25]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_row_is_shifted_by_its_own_maximum(dtype):
    logits = np.array([[10_000, 0], [-10_000, -10_000]], dtype)
    loss, d_logits = cross_entropy(logits, np.array([0, 1]))
    assert loss == pytest.approx(np.log(2) / 2, rel=1e-6)
    np.testing.assert_array_equal(d_logits, [[0, 0], [0.25, -0.25]])


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_float32_stays_float32_and_the_arguments_as_they_were(logits, smoothing):
    logits = logits.astype(np.float32)
    logits_before, labels = logits.copy(), LABELS.copy()
    loss, d_logits = cross_entropy(logits, labels, smoothing)
    assert type(loss) is float
    assert d_logits.dtype == np.float32
    np.testing.assert_array_equal(logits, logits_before)
    np.testing.assert_array_equal(labels, LABELS)
