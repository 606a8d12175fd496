import numpy as np
import pytest

from src.activations import ACTIVATIONS
from src.losses import cross_entropy
from src.model import NeuralNetwork, count_parameters
from src.utils import scale
from tests.gradient_check import largest_relative_error, numerical_gradient

DEPTHS = {"none": [], "one": [7], "three": [7, 6, 5]}
LABELS = np.array([0, 3, 2, 1, 3])
X = np.random.default_rng(5).normal(size=(5, 8))


def network_for_checks(
    hidden: list[int], activation: str = "tanh", dropout: float = 0.0
) -> NeuralNetwork:
    """A float64 network with biases other than 0, its units away from the kink at z = 0.

    The numerical gradient moves a parameter by 0.012 at most, which leaves the sign of a z of 0.05.
    """
    for seed in range(1000):
        network = NeuralNetwork([8, *hidden, 4], activation, seed=seed, dtype=np.float64)
        rng = np.random.default_rng(seed)
        for biases in network.biases:
            biases[...] = rng.normal(0, 0.5, biases.shape)
        _, cache = network.forward(X, dropout, np.random.default_rng(0))
        if all(np.abs(z).min() > 0.05 for _, z, _ in cache[:-1]):
            return network
    raise AssertionError("no seed keeps clear of the kinks")


def both_gradients(
    network: NeuralNetwork, dropout: float = 0.0, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Analytic and numeric gradient of the loss with respect to every parameter."""

    def forward():  # with the same dropout mask each time
        logits, cache = network.forward(X, dropout, np.random.default_rng(0))
        return *cross_entropy(logits, LABELS, label_smoothing), cache

    _, d_logits, cache = forward()
    analytic = network.backward(d_logits, cache)
    return analytic, numerical_gradient(lambda: forward()[0], network.parameters)


# ------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("hidden", DEPTHS.values(), ids=DEPTHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_parameter_has_the_numerical_gradient(activation, hidden):
    analytic, numeric = both_gradients(network_for_checks(hidden, activation))
    assert np.count_nonzero(numeric) > numeric.size / 3  # the check is not one of zeros
    assert largest_relative_error(analytic, numeric) < 1e-7


@pytest.mark.parametrize("hidden", DEPTHS.values(), ids=DEPTHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_so_it_has_with_dropout_and_label_smoothing(activation, hidden):
    network = network_for_checks(hidden, activation, dropout=0.3)
    analytic, numeric = both_gradients(network, dropout=0.3, label_smoothing=0.1)
    assert largest_relative_error(analytic, numeric) < 1e-7


def test_the_check_notices_a_gradient_off_by_five_in_ten_thousand():
    analytic, numeric = both_gradients(network_for_checks([7, 6, 5]))
    assert largest_relative_error(analytic * 1.0005, numeric) > 1e-4
    largest = np.argmax(np.abs(analytic))
    for place in (0, largest, analytic.size - 1):  # one wrong entry among many is enough
        wrong = analytic.copy()
        wrong[place] *= 1.0005
        assert largest_relative_error(wrong, numeric) > 1e-4


def test_forward_and_backward_by_hand():
    network = NeuralNetwork([2, 2, 2], dtype=np.float64)
    network.weights[0][...] = [[1, 2], [3, -4]]
    network.biases[0][...] = [0.5, 1]
    network.weights[1][...] = [[1, -1], [2, 3]]
    network.biases[1][...] = [10, 20]
    # z = (1 + 3 + 0.5, 2 - 4 + 1) = (4.5, -1), so a = (4.5, 0)
    logits, cache = network.forward(np.array([[1.0, 1.0]]))
    np.testing.assert_array_equal(logits, [[14.5, 15.5]])
    # da = (1 - 2 (-1), 2 - 6) = (3, -4) and relu'(z) = (1, 0), so dz = (3, 0)
    d_weights, d_biases = network.split(network.backward(np.array([[1.0, -2.0]]), cache))
    np.testing.assert_array_equal(d_weights[1], [[4.5, -9], [0, 0]])
    np.testing.assert_array_equal(d_biases[1], [1, -2])
    np.testing.assert_array_equal(d_weights[0], [[3, 0], [3, 0]])
    np.testing.assert_array_equal(d_biases[0], [3, 0])


def test_without_hidden_layers_it_is_softmax_regression():
    network = network_for_checks(hidden=[])
    logits, _ = network.forward(X)
    np.testing.assert_array_equal(logits, X @ network.weights[0] + network.biases[0])


def test_backward_has_no_hidden_state():
    network = network_for_checks([7, 6])
    state = {name: id(value) for name, value in vars(network).items()}
    parameters = network.parameters.copy()
    x, d_logits = X.copy(), np.random.default_rng(0).normal(size=(5, 4))
    d_before = d_logits.copy()
    _, cache = network.forward(x)
    first = network.backward(d_logits, cache)
    network.forward(x[:2] + 1)  # another batch in between
    second = network.backward(d_logits, cache)
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second)
    out = np.full_like(first, np.nan)
    assert np.shares_memory(network.backward(d_logits, cache, out=out), out)
    np.testing.assert_array_equal(out, first)
    assert {name: id(value) for name, value in vars(network).items()} == state
    np.testing.assert_array_equal(network.parameters, parameters)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(d_logits, d_before)


@pytest.mark.parametrize("hidden", DEPTHS.values(), ids=DEPTHS)
def test_without_its_first_columns_of_zeros_a_batch_gives_the_same(hidden):
    network = network_for_checks(hidden)
    x, d_logits = X.copy(), np.random.default_rng(0).normal(size=(5, 4))
    x[:, :3] = 0
    logits, cache = network.forward(x)
    whole = network.backward(d_logits, cache)
    found, narrow_cache = network.forward(x[:, 3:])
    short = network.backward(d_logits, narrow_cache)
    np.testing.assert_allclose(found, logits, rtol=1e-12)
    left_out = 3 * network.layer_sizes[1]
    assert not whole[:left_out].any()
    np.testing.assert_allclose(short, whole[left_out:], rtol=1e-12)


# ------------------------------------------------------------------------------ parameters


def test_weights_and_biases_are_views_of_one_vector():
    network = NeuralNetwork([3, 2, 4])
    network.parameters[...] = np.arange(3 * 2 + 2 * 4 + 2 + 4)
    np.testing.assert_array_equal(network.weights[0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(network.weights[1], [[6, 7, 8, 9], [10, 11, 12, 13]])
    np.testing.assert_array_equal(network.biases[0], [14, 15])
    np.testing.assert_array_equal(network.biases[1], [16, 17, 18, 19])
    assert network.weight_count == 14
    network.weights[1][0, 0] = -1
    assert network.parameters[6] == -1
    logits, _ = network.forward(np.zeros((1, 3), np.float32))
    network.parameters -= 1
    assert (network.forward(np.zeros((1, 3), np.float32))[0] != logits).all()


def test_the_reference_network_has_109386_parameters():
    assert count_parameters([784, 128, 64, 10]) == 109_386
    assert NeuralNetwork([784, 128, 64, 10]).parameters.shape == (109_386,)


def test_the_seed_decides_the_parameters():
    one, same, other = (NeuralNetwork([784, 16, 10], seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.parameters, same.parameters)
    assert (one.weights[0] != other.weights[0]).all()


@pytest.mark.parametrize("sizes", [[], [784], [784, 0, 10], [784, -5, 10]])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="layer sizes"):
        NeuralNetwork(sizes)


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="no such activation"):
        NeuralNetwork([784, 10], "no such activation")


# --------------------------------------------------------------------- behaviour on digits


@pytest.mark.parametrize("hidden", [[], [128, 64], [256, 128, 64]])
def test_initial_loss_is_ln_10_with_small_weights_and_a_little_above_with_he(digits, hidden):
    x = scale(digits.images)
    sizes = [784, *hidden, 10]
    small = NeuralNetwork(sizes, initializer="small_normal")
    he = [NeuralNetwork(sizes, initializer="he_uniform", seed=seed) for seed in range(5)]
    small_loss, _ = cross_entropy(small.forward(x)[0], digits.labels)
    he_losses = [cross_entropy(network.forward(x)[0], digits.labels)[0] for network in he]
    assert small_loss == pytest.approx(np.log(10), abs=0.02)
    assert np.log(10) < np.mean(he_losses) < np.log(10) + 0.4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nothing_upcasts(digits, activation, dtype):
    network = NeuralNetwork([784, 12, 11, 10], activation, dtype=dtype)
    x = scale(digits.images[:20], dtype)
    logits, cache = network.forward(x, 0.5, np.random.default_rng(0))
    _, d_logits = cross_entropy(logits, digits.labels[:20], 0.1)
    gradient = network.backward(d_logits, cache)
    in_cache = [array for layer in cache for array in layer if array is not None]
    assert len(in_cache) == 3 + 2 + 2  # inputs of three layers; z and mask of two
    arrays = [x, logits, d_logits, gradient, network.parameters, *in_cache]
    arrays += [*network.weights, *network.biases, network.predict_probabilities(x)]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_predictions(digits):
    network = NeuralNetwork([784, 32, 10], seed=1)
    x = scale(digits.images[:50])
    probabilities = network.predict_probabilities(x)
    assert probabilities.shape == (50, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(network.predict(x), probabilities.argmax(axis=1))
    logits, _ = network.forward(x)
    np.testing.assert_array_equal(network.predict(x), logits.argmax(axis=1))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 28, 28), np.float32), r"shape \(2, 28, 28\), not \(N, 784\)"),
        (np.zeros(784, np.float32), "shape"),
        (np.zeros((2, 783), np.float32), "shape"),
        (np.ones((2, 784), np.uint8), "0-255"),
        (np.full((2, 784), 255.0, np.float32), "0-255"),
        (np.full((2, 784), -1.0, np.float32), "0-255"),
        (np.full((2, 784), np.nan, np.float32), "0-255"),
    ],
)
def test_what_is_no_pixels_is_refused_in_one_line(x, message):
    network = NeuralNetwork([784, 10])
    for predict in (network.predict, network.predict_probabilities):
        with pytest.raises(ValueError, match=message) as caught:
            predict(x)
        assert "\n" not in str(caught.value)


# --------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_silences_that_share_and_scales_up_the_rest(dropout):
    network = NeuralNetwork([50, 400, 300, 10])
    x = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32)
    _, cache = network.forward(x, dropout, np.random.default_rng(1))
    for layer in (0, 1):
        _, z, keep = cache[layer]
        assert keep.shape == z.shape
        assert set(np.unique(keep)) == {np.float32(0), np.float32(1) / np.float32(1 - dropout)}
        assert np.mean(keep == 0) == pytest.approx(dropout, abs=0.01)
        assert keep.mean() == pytest.approx(1, abs=0.01)
        following, _, _ = cache[layer + 1]
        np.testing.assert_array_equal(following, np.maximum(z, 0) * keep)
    _, other_cache = network.forward(x, dropout, np.random.default_rng(2))
    assert np.mean(cache[0][2] != other_cache[0][2]) > dropout * (1 - dropout)


def test_dropout_spares_inputs_and_logits_and_is_off_at_prediction():
    network = NeuralNetwork([50, 40, 10])
    x = np.random.default_rng(0).random((20, 50), np.float32)
    logits, cache = network.forward(x, 0.5, np.random.default_rng(1))
    np.testing.assert_array_equal(cache[0][0], x)
    assert logits.all()
    plain, _ = network.forward(x)
    assert (plain != logits).any()
    with pytest.raises(ValueError, match="rng"):
        network.forward(x, 0.5)
    np.testing.assert_array_equal(network.predict(x), plain.argmax(axis=1))
    np.testing.assert_array_equal(
        network.predict_probabilities(x), network.predict_probabilities(x)
    )
