"""Initializers: the first weights decide whether a signal survives its way through the layers.

With inputs a of one layer independent of its weights W (zero mean), a pre-activation z = sum_i a_i
W_i has variance D_in * Var(W) * E[a^2]. A ReLU keeps half of E[z^2], so E[a^2] stays the same from
layer to layer when D_in * Var(W) / 2 = 1, that is Var(W) = 2 / D_in: He's rule. Biases start at 0.

Each function takes (rng, fan_in, fan_out) and returns float64 weights (fan_in, fan_out).
"""

import numpy as np


def he_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Uniform in +-sqrt(6 / fan_in), variance 2 / fan_in, made for ReLU (He et al., 2015).

    The variance of a uniform distribution over [-r, r] is r^2 / 3, hence the 6.
    """
    limit = np.sqrt(6 / fan_in)
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def he_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Normal with variance 2 / fan_in: the same rule in another shape (He et al., 2015)."""
    return rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))


def xavier_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Uniform, variance 2 / (fan_in + fan_out), made for tanh (Glorot & Bengio, 2010)."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def small_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Normal with sigma 0.01. For comparison only: in a deep network the signal dies out."""
    return rng.normal(0, 0.01, (fan_in, fan_out))


def standard_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """Normal with sigma 1. For comparison only: the signal explodes, layer by layer."""
    return rng.normal(0, 1, (fan_in, fan_out))


def zeros(rng: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """All zero. For comparison only: units stay alike, and only the output biases learn."""
    return np.zeros((fan_in, fan_out))


INITIALIZERS = {
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "xavier_uniform": xavier_uniform,
    "small_normal": small_normal,
    "standard_normal": standard_normal,
    "zeros": zeros,
}
