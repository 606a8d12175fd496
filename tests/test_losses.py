"""Cross-entropy: the value, and the gradient of exactly this value."""

import numpy as np
import pytest

from src.activations import softmax
from src.losses import cross_entropy
from tests.gradient_check import largest_relative_error, numerical_gradient

LABELS = np.array([3, 0, 9, 9, 1, 4, 0])
WITH_AND_WITHOUT_SMOOTHING = pytest.mark.parametrize("smoothing", [0.0, 0.1])


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(0, 2, (7, 10))


@pytest.mark.parametrize(
    ("smoothing", "targets", "expected"),
    [
        (0.0, [1, 0], np.log(4)),  # -log p of the true class
        (0.2, [0.9, 0.1], 0.9 * np.log(4) + 0.1 * np.log(4 / 3)),  # 0.2 is shared out evenly
    ],
)
def test_one_row_by_hand(smoothing, targets, expected):
    loss, d_logits = cross_entropy(np.log([[1.0, 3.0]]), np.array([0]), smoothing)
    assert loss == pytest.approx(expected, rel=1e-14)
    p = np.array([[1 / 4, 3 / 4]])
    np.testing.assert_allclose(d_logits, p - targets, rtol=1e-14)


def test_equal_logits_cost_ln_10():
    loss, _ = cross_entropy(np.full((5, 10), 3.0), np.arange(5))
    assert loss == pytest.approx(np.log(10), rel=1e-14)


@WITH_AND_WITHOUT_SMOOTHING
def test_gradient_is_that_of_exactly_this_loss(logits, smoothing):
    _, d_logits = cross_entropy(logits, LABELS, smoothing)
    numeric = numerical_gradient(lambda: cross_entropy(logits, LABELS, smoothing)[0], logits)
    assert largest_relative_error(d_logits, numeric) < 1e-7


@WITH_AND_WITHOUT_SMOOTHING
def test_a_batch_is_the_mean_of_the_plain_formulas(logits, smoothing):
    p, t = softmax(logits), (1 - smoothing) * np.eye(10)[LABELS] + smoothing / 10
    loss, d_logits = cross_entropy(logits, LABELS, smoothing)
    assert loss == pytest.approx(np.mean(-np.sum(t * np.log(p), axis=1)), rel=1e-13)
    np.testing.assert_allclose(d_logits, (p - t) / 7, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_are_finite_and_right(dtype):
    """Each row is shifted by its own maximum: by that of both, the second would be all lost."""
    logits = np.array([[10_000, -10_000], [-10_000, -10_000]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        right, d_right = cross_entropy(logits, np.array([0, 1]))
        wrong, d_wrong = cross_entropy(logits, np.array([1, 1]))
    assert right == pytest.approx(np.log(2) / 2, rel=1e-6)
    assert wrong == pytest.approx((20_000 + np.log(2)) / 2, rel=1e-6)
    np.testing.assert_array_equal(d_right, [[0, 0], [1 / 4, -1 / 4]])
    np.testing.assert_array_equal(d_wrong, [[1 / 2, -1 / 2], [1 / 4, -1 / 4]])


def test_float32_stays_float32_and_the_arguments_are_left_alone(logits):
    logits, labels = logits.astype(np.float32), LABELS.copy()
    before = logits.copy()
    loss, d_logits = cross_entropy(logits, labels, label_smoothing=0.1)
    assert type(loss) is float and d_logits.dtype == np.float32
    np.testing.assert_array_equal(logits, before)
    np.testing.assert_array_equal(labels, LABELS)
