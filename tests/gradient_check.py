"""The referee of every gradient in this project: numerical differentiation in float64."""

from collections.abc import Callable

import numpy as np


def numerical_gradient(
    function: Callable[[], float], x: np.ndarray, step: float = 4e-3
) -> np.ndarray:
    """Gradient of function() with respect to x, which it reads and which is changed for a moment.

    Three central differences d_k = f(x + kh) - f(x - kh), combined so that the error is of sixth
    order: (45 d_1 - 9 d_2 + d_3) / 60h. That allows steps so large that rounding hardly matters;
    with a single difference no step makes the error of a small gradient less than 1e-7 of it.
    """
    assert x.dtype == np.float64
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        kept, total = x[index], 0.0
        for multiple, factor in ((1, 45), (2, -9), (3, 1)):
            x[index] = kept + multiple * step
            right = function()
            x[index] = kept - multiple * step
            total += factor * (right - function())
        x[index] = kept
        gradient[index] = total / (60 * step)
    return gradient


def largest_relative_error(analytic: np.ndarray, numeric: np.ndarray) -> float:
    """max |a - n| / max(|a|, |n|), entry by entry; where both are 0, as for a dead unit, 0."""
    assert analytic.shape == numeric.shape
    size = np.maximum(np.abs(analytic), np.abs(numeric))
    return float(np.max(np.abs(analytic - numeric) / np.where(size > 0, size, 1)))
