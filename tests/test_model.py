"""The network: its formulas by hand, and each of its gradients against numerical differentiation.

The ladder for any network that you write yourself: values worked out by hand, the numerical
gradient, the loss before training, one exact step (test_optimizers.py), the whole loop in its
plainest form, and a tiny set of images learned to the last one (both in test_train.py).
"""

from itertools import pairwise

import numpy as np
import pytest

from src.activations import ACTIVATIONS
from src.losses import cross_entropy
from src.model import NeuralNetwork, count_parameters
from src.utils import scale
from tests.gradient_check import largest_relative_error, numerical_gradient

LABELS = np.array([0, 3, 2, 1, 3])
X = np.random.default_rng(5).normal(size=(5, 8))
D_LOGITS = np.random.default_rng(6).normal(size=(5, 4))
AT_EVERY_DEPTH = pytest.mark.parametrize("hidden", [[], [7], [7, 6, 5]], ids=["0", "1", "3"])


def network_for_checks(hidden, activation="tanh", dropout=0.0):
    """A float64 network with biases other than 0, its units away from the kink at z = 0.

    The numerical gradient moves a parameter by 0.012 at most, which leaves the sign of a z of 0.05.
    """
    for seed in range(1000):
        network = NeuralNetwork([8, *hidden, 4], activation, seed=seed, dtype=np.float64)
        biases = network.parameters[network.weight_count :]
        biases[...] = np.random.default_rng(seed).normal(0, 0.5, biases.shape)
        _, cache = network.forward(X, dropout, np.random.default_rng(0))
        if all(np.abs(z).min() > 0.05 for _, z, _ in cache[:-1]):
            return network
    raise AssertionError("no seed keeps clear of the kinks")


def both_gradients(network, dropout=0.0, label_smoothing=0.0):
    """Analytic and numeric gradient of the loss with respect to every parameter."""

    def forward():  # with the same dropout mask each time
        logits, cache = network.forward(X, dropout, np.random.default_rng(0))
        return *cross_entropy(logits, LABELS, label_smoothing), cache

    _, d_logits, cache = forward()
    analytic = network.backward(d_logits, cache)
    return analytic, numerical_gradient(lambda: forward()[0], network.parameters)


# ----------------------------------------------------------------------- forward and backward


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


@pytest.mark.parametrize(
    ("dropout", "label_smoothing"), [(0, 0), (0.3, 0.1)], ids=["plain", "dropout and smoothing"]
)
@AT_EVERY_DEPTH
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_parameter_has_the_numerical_gradient(activation, hidden, dropout, label_smoothing):
    network = network_for_checks(hidden, activation, dropout)
    analytic, numeric = both_gradients(network, dropout, label_smoothing)
    assert np.count_nonzero(numeric) > numeric.size / 4  # the check is not one of zeros
    assert largest_relative_error(analytic, numeric) < 1e-7


def test_the_check_notices_a_gradient_off_by_five_in_ten_thousand():
    analytic, numeric = both_gradients(network_for_checks([7, 6, 5]))
    for place in (0, np.argmax(np.abs(analytic)), -1):  # one wrong entry among many is enough
        wrong = analytic.copy()
        wrong[place] *= 1.0005
        assert largest_relative_error(wrong, numeric) > 1e-4


def test_backward_has_no_hidden_state():
    """The cache alone decides, whatever is computed in between, and no argument is changed."""
    network, x, d_logits = network_for_checks([7, 6]), X.copy(), D_LOGITS.copy()
    parameters = network.parameters.copy()
    _, cache = network.forward(x)
    gradient = network.backward(d_logits, cache)
    network.forward(x[:2] + 1)
    out = np.full_like(gradient, np.nan)
    same, also_same = network.backward(d_logits, cache), network.backward(d_logits, cache, out=out)
    np.testing.assert_array_equal([same, also_same], [gradient, gradient])
    assert np.shares_memory(also_same, out) and not np.shares_memory(same, gradient)
    for argument, before in ((x, X), (d_logits, D_LOGITS), (network.parameters, parameters)):
        np.testing.assert_array_equal(argument, before)


@AT_EVERY_DEPTH
def test_without_its_first_columns_of_zeros_a_batch_gives_the_same(hidden):
    network, x = network_for_checks(hidden), X.copy()
    x[:, :3] = 0
    logits, cache = network.forward(x)
    gradient = network.backward(D_LOGITS, cache)
    same_logits, cache = network.forward(x[:, 3:])
    np.testing.assert_allclose(same_logits, logits, rtol=1e-12)
    left_out, rest = np.split(gradient, [3 * network.layer_sizes[1]])
    assert not left_out.any()
    np.testing.assert_allclose(network.backward(D_LOGITS, cache), rest, rtol=1e-12)


# ------------------------------------------------------------------------------ parameters


def test_weights_and_biases_are_views_of_one_vector():
    network = NeuralNetwork([3, 2, 4])
    network.parameters[...] = np.arange(3 * 2 + 2 * 4 + 2 + 4)
    np.testing.assert_array_equal(network.weights[0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(network.weights[1], [[6, 7, 8, 9], [10, 11, 12, 13]])
    np.testing.assert_array_equal(network.biases[0], [14, 15])
    np.testing.assert_array_equal(network.biases[1], [16, 17, 18, 19])
    assert (network.weight_count, count_parameters([3, 2, 4])) == (14, 20)
    network.weights[1][0, 0] = -1
    assert network.parameters[6] == -1


def test_the_seed_decides_the_parameters():
    one, same, other = (NeuralNetwork([784, 16, 10], seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.parameters, same.parameters)
    for weights, others, biases in zip(one.weights, other.weights, one.biases):
        assert (weights != others).all()
        assert not biases.any()
    first, second = NeuralNetwork([9, 9, 9]).weights  # of one shape, but not the same numbers
    assert (first != second).all()


@pytest.mark.parametrize(
    ("sizes", "activation"),
    [([], "relu"), ([784], "relu"), ([784, 0, 10], "relu"), ([784, 10], "no such")],
)
def test_what_is_no_network_is_refused(sizes, activation):
    with pytest.raises(ValueError, match=f"no network has .*{activation}"):
        NeuralNetwork(sizes, activation)
    NeuralNetwork([1, 1], "relu")  # but this is one


# --------------------------------------------------------------------- behaviour on digits


@pytest.mark.parametrize("hidden", [[], [128, 64], [256, 128, 64]])
def test_initial_loss_is_ln_10_with_small_weights_and_a_little_above_with_he(digits, hidden):
    def loss(initializer, seed):
        network = NeuralNetwork([784, *hidden, 10], initializer=initializer, seed=seed)
        return cross_entropy(network.forward(scale(digits.images))[0], digits.labels)[0]

    assert loss("small_normal", 0) == pytest.approx(np.log(10), abs=0.02)
    he = np.mean([loss("he_uniform", seed) for seed in range(5)])
    assert np.log(10) < he < np.log(10) + 0.4


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nothing_upcasts(digits, activation):
    network, x = NeuralNetwork([784, 12, 11, 10], activation), scale(digits.images[:20])
    logits, cache = network.forward(x, 0.5, np.random.default_rng(0))
    gradient = network.backward(cross_entropy(logits, digits.labels[:20])[1], cache)
    arrays = [array for layer in cache for array in layer if array is not None]
    assert len(arrays) == 3 + 2 + 2  # inputs of three layers; z and mask of two
    arrays += [logits, gradient, network.parameters, network.predict_probabilities(x)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_predictions(digits):
    network = NeuralNetwork([784, 32, 10], seed=1)
    x = scale(digits.images[:50])
    probabilities = network.predict_probabilities(x)
    assert probabilities.shape == (50, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(network.predict(x), network.forward(x)[0].argmax(axis=1))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 28, 28)), r"^x has shape \(2, 28, 28\), not \(N, 784\)$"),
        (np.zeros((2, 783)), "shape"),
        (np.ones((2, 784), np.uint8), "^x is not floats .* pixels 0-255$"),
        (np.full((2, 784), 1.01), "0-255"),
        (np.full((2, 784), -0.01), "0-255"),
        (np.full((2, 784), np.nan), "0-255"),
    ],
)
def test_what_is_no_pixels_is_refused_in_one_line(x, message):
    with pytest.raises(ValueError, match=message):
        NeuralNetwork([784, 10]).predict(x)


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_silences_that_share_and_scales_up_the_rest(dropout):
    """Of the hidden units, for each image anew; inputs and logits are spared."""
    network = NeuralNetwork([50, 400, 300, 10])
    x = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32)
    logits, cache = network.forward(x, dropout, np.random.default_rng(1))
    for (_, z, keep), (following, _, _) in pairwise(cache):
        assert set(np.unique(keep)) == {0, np.float32(1) / np.float32(1 - dropout)}
        assert np.mean(keep == 0) == pytest.approx(dropout, abs=0.01)
        assert (keep[0] != keep[1]).any()
        np.testing.assert_array_equal(following, np.maximum(z, 0) * keep)
    np.testing.assert_array_equal(cache[0][0], x)
    assert logits.all()
    with pytest.raises(ValueError, match="rng"):
        network.forward(x, dropout)
