import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.runs.diagnostics import layer_statistics
from src.utils import confusion_matrix, scale


def test_statistics_are_those_of_a_pass_by_hand_and_the_network_is_left_as_it_is(digits):
    images, labels = digits.images[:100], digits.labels[:100]
    network = NeuralNetwork([784, 12, 10], "tanh", seed=1, dtype=np.float64)
    before = network.parameters.copy()
    rows = layer_statistics(network, images, labels)
    np.testing.assert_array_equal(network.parameters, before)

    x = scale(images, np.float64)
    z = x @ network.weights[0] + network.biases[0]
    a = np.tanh(z)
    logits = a @ network.weights[1] + network.biases[1]
    _, dz = cross_entropy(logits, labels)
    gradients = x.T @ (dz @ network.weights[1].T * (1 - a**2)), a.T @ dz

    assert [row["layer"] for row in rows] == [1, 2]
    for row, signal, d_w, w in zip(rows, (z, logits), gradients, network.weights):
        ratio = np.linalg.norm(d_w) / np.linalg.norm(w)
        found = row["activation_std"], row["gradient_std"], row["gradient_ratio"]
        assert found == pytest.approx((signal.std(), d_w.std(), ratio), rel=1e-9)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", [0.75, 0, 0]), ("tanh", [0, 0, 0]), ("leaky_relu", [0, 0, 0])],
)
def test_dead_units_are_those_silent_for_every_image(digits, activation, expected):
    network = NeuralNetwork([784, 4, 5, 10], activation, initializer="zeros")
    network.biases[0][...] = [-1, 1, -1, 0]  # at z = 0 a unit is silent, too
    network.biases[1][...] = 1
    network.biases[2][...] = -1  # logits may be negative without being dead
    images, labels = digits.images[:50].copy(), digits.labels[:50]
    rows = layer_statistics(network, images, labels)
    assert [row["dead_share"] for row in rows] == expected
    network.weights[0][np.argmax(images[0]), 0] = 2  # it fires for one image, and is alive
    images[1:] = 0
    alive = [max(0, expected[0] - 0.25), 0, 0]
    assert [row["dead_share"] for row in layer_statistics(network, images, labels)] == alive


def test_without_hidden_layers_and_with_zero_weights(digits):
    network = NeuralNetwork([784, 10], initializer="zeros")
    (row,) = layer_statistics(network, digits.images, digits.labels)
    assert (row["activation_std"], row["gradient_ratio"], row["dead_share"]) == (0, 0, 0)
    assert row["gradient_std"] > 0


def test_a_confusion_matrix_has_a_row_for_each_true_digit():
    matrix = confusion_matrix(np.array([1, 1, 1, 7]), np.array([1, 7, 7, 1]))
    assert matrix.shape == (10, 10)
    assert (matrix[1, 1], matrix[1, 7], matrix[7, 1], matrix.sum()) == (1, 2, 1, 4)
