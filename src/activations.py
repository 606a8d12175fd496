"""Activations: without something nonlinear between them, ten layers compute no more than one.

Each comes with its derivative; both take the pre-activation z (any shape) and keep shape and dtype.
To add one, write the pair and give it a row in ACTIVATIONS; the gradient tests then cover it.
"""

import numpy as np

LEAK = 0.01


def relu(z: np.ndarray) -> np.ndarray:
    """max(0, z): cheap, and its gradient does not fade for z > 0 (Nair & Hinton, 2010)."""
    return np.maximum(z, 0)


def relu_derivative(z: np.ndarray) -> np.ndarray:
    """1 where z > 0, else 0. At z = 0, where there is no derivative, we take 0."""
    return (z > 0).astype(z.dtype)


def leaky_relu(z: np.ndarray) -> np.ndarray:
    """z where z > 0, else 0.01 z, so that no unit is ever quite dead (Maas et al., 2013)."""
    return np.maximum(z, LEAK * z)


def leaky_relu_derivative(z: np.ndarray) -> np.ndarray:
    """1 where z > 0, else 0.01."""
    return np.where(z > 0, z.dtype.type(1), z.dtype.type(LEAK))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), in (0, 1); written with tanh, which cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def sigmoid_derivative(z: np.ndarray) -> np.ndarray:
    """s (1 - s) with s = sigmoid(z): at most 1/4, one reason deep sigmoid networks learn slowly."""
    s = sigmoid(z)
    return s * (1 - s)


def tanh(z: np.ndarray) -> np.ndarray:
    """Hyperbolic tangent, in (-1, 1): a sigmoid centred on zero."""
    return np.tanh(z)


def tanh_derivative(z: np.ndarray) -> np.ndarray:
    """1 - tanh(z)^2."""
    return 1 - np.tanh(z) ** 2


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits (N, K) into probabilities: p_k = exp(logit_k) / sum_j exp(logit_j), row by row.

    Subtracting each row's maximum first divides numerator and denominator by the same number, which
    leaves p unchanged and keeps exp from overflowing.
    """
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


ACTIVATIONS = {
    "relu": (relu, relu_derivative),
    "leaky_relu": (leaky_relu, leaky_relu_derivative),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
}
