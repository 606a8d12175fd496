import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.runs.diagnostics import layer_statistics
from src.utils import confusion_matrix, scale


def test_figures_are_those_of_a_pass_by_hand(digits):
    images, labels = digits.images[:100], digits.labels[:100]
    network = NeuralNetwork([784, 12, 10], "tanh", seed=1, dtype=np.float64)
    first, last = layer_statistics(network, images, labels)

    x = scale(images, np.float64)
    z = x @ network.weights[0] + network.biases[0]
    a = np.tanh(z)
    logits = a @ network.weights[1] + network.biases[1]
    _, dz = cross_entropy(logits, labels)
    d_last = a.T @ dz
    d_first = x.T @ (dz @ network.weights[1].T * (1 - a**2))

    for row, number, signal, d_w, w in (
        (first, 1, z, d_first, network.weights[0]),
        (last, 2, logits, d_last, network.weights[1]),
    ):
        assert row["layer"] == number
        assert row["activation_std"] == pytest.approx(signal.std(), rel=1e-9)
        assert row["gradient_std"] == pytest.approx(d_w.std(), rel=1e-9)
        ratio = np.sqrt((d_w**2).sum() / (w**2).sum())
        assert row["gradient_ratio"] == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", [0.75, 0, 0]), ("tanh", [0, 0, 0]), ("leaky_relu", [0, 0, 0])],
)
def test_dead_units_are_those_silent_for_every_image(digits, activation, expected):
    network = NeuralNetwork([784, 4, 5, 10], activation, initializer="zeros")
    network.biases[0][...] = [-1, 1, -1, 0]  # at z = 0 a unit is silent, too
    network.biases[1][...] = 1
    network.biases[2][...] = -1  # logits may be negative without being dead
    rows = layer_statistics(network, digits.images[:50], digits.labels[:50])
    assert [row["dead_share"] for row in rows] == expected


def test_a_unit_that_fires_for_one_image_is_alive(digits):
    network = NeuralNetwork([784, 1, 10], initializer="zeros")
    pixel = np.argmax(digits.images[0])
    network.weights[0][pixel] = 1
    images = digits.images[:2].copy()
    images[1] = 0
    (hidden, _) = layer_statistics(network, images, digits.labels[:2])
    assert hidden["dead_share"] == 0


def test_without_hidden_layers_and_with_zero_weights(digits):
    network = NeuralNetwork([784, 10], initializer="zeros")
    (row,) = layer_statistics(network, digits.images, digits.labels)
    assert (row["activation_std"], row["gradient_ratio"], row["dead_share"]) == (0, 0, 0)
    assert row["gradient_std"] > 0


def test_the_network_is_left_as_it_is(digits):
    network = NeuralNetwork([784, 8, 10])
    before = network.parameters.copy()
    layer_statistics(network, digits.images, digits.labels)
    np.testing.assert_array_equal(network.parameters, before)


def test_confusion_matrix_has_a_row_for_each_true_digit():
    matrix = confusion_matrix(np.array([1, 1, 1, 7, 0]), np.array([1, 7, 7, 1, 0]))
    expected = np.zeros((10, 10), int)
    expected[1, 1], expected[1, 7], expected[7, 1], expected[0, 0] = 1, 2, 1, 1
    np.testing.assert_array_equal(matrix, expected)
    assert np.issubdtype(matrix.dtype, np.integer)
    assert not confusion_matrix(np.empty(0, int), np.empty(0, int)).any()
