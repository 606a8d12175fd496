import math

import numpy as np
import pytest

from src.initializers import INITIALIZERS
from src.model import NeuralNetwork

FAN_IN, FAN_OUT = 300, 500

# name: (shape of the distribution, variance). The fans differ, so that mistaking them is noticed.
EXPECTED = {
    "he_uniform": ("uniform", 2 / FAN_IN),
    "he_normal": ("normal", 2 / FAN_IN),
    "xavier_uniform": ("uniform", 2 / (FAN_IN + FAN_OUT)),
    "small_normal": ("normal", 0.01**2),
    "standard_normal": ("normal", 1.0),
    "zeros": ("zero", 0.0),
}


def draw(name, seed=0):
    return INITIALIZERS[name](np.random.default_rng(seed), FAN_IN, FAN_OUT)


def test_the_table_above_knows_every_initializer():
    assert set(EXPECTED) == set(INITIALIZERS)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_and_variance(name):
    weights = draw(name)
    _, variance = EXPECTED[name]
    assert weights.shape == (FAN_IN, FAN_OUT)
    # within four standard errors of the mean, and of the variance (at most sqrt(2/n) of it)
    assert abs(weights.mean()) <= 4 * math.sqrt(variance / weights.size)
    assert abs(weights.var() - variance) <= 4 * math.sqrt(2 / weights.size) * variance


@pytest.mark.parametrize("name", INITIALIZERS)
def test_bounds(name):
    shape, variance = EXPECTED[name]
    weights, limit = draw(name), math.sqrt(3 * variance)  # that of a uniform distribution
    if shape == "normal":  # 8.3 % lie beyond it, 6e-5 beyond four standard deviations
        assert np.mean(np.abs(weights) > limit) == pytest.approx(0.0833, abs=0.004)
        assert 0 < np.mean(np.abs(weights) > 4 * math.sqrt(variance)) < 2e-4
    elif shape == "uniform":
        assert -limit <= weights.min() < -0.999 * limit
        assert 0.999 * limit < weights.max() <= limit
        assert np.mean(np.abs(weights) < limit / 2) == pytest.approx(0.5, abs=0.006)
    else:
        assert not weights.any()


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "zeros"])
def test_the_seed_decides(name):
    np.testing.assert_array_equal(draw(name, 1), draw(name, 1))
    assert (draw(name, 1) != draw(name, 2)).all()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases_start_at_zero(name):
    network = NeuralNetwork([784, 20, 10], initializer=name)
    assert not any(biases.any() for biases in network.biases)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("he_uniform", 0.5, 2), ("he_normal", 0.5, 2), ("small_normal", 0, 1e-6)],
)
def test_he_keeps_the_signal_alive_through_ten_layers(name, low, high):
    network = NeuralNetwork([200] * 12, initializer=name, seed=3)
    x = np.random.default_rng(0).normal(size=(100, 200)).astype(np.float32)
    _, cache = network.forward(x)
    first, last = cache[0][1].std(), cache[10 - 1][1].std()
    assert low <= last / first <= high
