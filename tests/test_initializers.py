"""First weights: the spread that each rule asks for, and what becomes of a signal."""

import math

import numpy as np
import pytest

from src.initializers import INITIALIZERS
from src.model import NeuralNetwork

FAN_IN, FAN_OUT = 300, 500  # unequal, so that mistaking one for the other is noticed
EXPECTED = {  # for every initializer: the shape of the distribution, and its variance
    "he_uniform": ("uniform", 2 / FAN_IN),
    "he_normal": ("normal", 2 / FAN_IN),
    "xavier_uniform": ("uniform", 2 / (FAN_IN + FAN_OUT)),
    "small_normal": ("normal", 0.01**2),
    "standard_normal": ("normal", 1.0),
    "zeros": ("zero", 0.0),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_variance_and_bounds(name):
    shape, variance = EXPECTED[name]
    weights = INITIALIZERS[name](np.random.default_rng(0), FAN_IN, FAN_OUT)
    again = INITIALIZERS[name](np.random.default_rng(0), FAN_IN, FAN_OUT)
    np.testing.assert_array_equal(weights, again)  # the generator that is given decides
    assert weights.shape == (FAN_IN, FAN_OUT)
    # within four standard errors of the mean, and of the variance (at most sqrt(2/n) of it)
    assert abs(weights.mean()) <= 4 * math.sqrt(variance / weights.size)
    assert abs(weights.var() - variance) <= 4 * math.sqrt(2 / weights.size) * variance
    # how many lie within the bounds of the uniform distribution with this variance
    within = np.mean(np.abs(weights) <= math.sqrt(3 * variance))
    assert within == (pytest.approx(0.9167, abs=0.004) if shape == "normal" else 1)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("he_uniform", 0.5, 2), ("he_normal", 0.5, 2), ("small_normal", 0, 1e-6)],
)
def test_he_keeps_the_signal_alive_through_ten_layers(name, low, high):
    network = NeuralNetwork([200] * 12, initializer=name, seed=3)
    x = np.random.default_rng(0).normal(size=(100, 200)).astype(np.float32)
    _, cache = network.forward(x)
    _, first, _ = cache[0]
    _, last, _ = cache[9]
    assert low <= last.std() / first.std() <= high
