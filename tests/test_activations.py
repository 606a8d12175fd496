"""Activations: their values, their derivatives, and no overflow."""

import numpy as np
import pytest

from src.activations import ACTIVATIONS, softmax
from tests.gradient_check import largest_relative_error, numerical_gradient

LN2, LN3 = np.log(2), np.log(3)


@pytest.mark.parametrize(
    ("name", "z", "values", "slopes"),
    [
        ("relu", [-2, 0, 3], [0, 0, 3], [0, 0, 1]),
        ("leaky_relu", [-2, 0, 3], [-0.02, 0, 3], [0.01, 0.01, 1]),
        ("sigmoid", [0, LN3, -LN3], [1 / 2, 3 / 4, 1 / 4], [1 / 4, 3 / 16, 3 / 16]),
        ("tanh", [0, LN2, -LN2], [0, 3 / 5, -3 / 5], [1, 16 / 25, 16 / 25]),
    ],
)
def test_values_worked_out_by_hand(name, z, values, slopes):
    for function, expected in zip(ACTIVATIONS[name], (values, slopes)):
        np.testing.assert_allclose(function(np.array(z, float)), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_that_of_the_function(name):
    function, derivative = ACTIVATIONS[name]
    z = np.array([[-3.0, -1.2, -0.1], [0.1, 0.7, 4.0]])
    numeric = numerical_gradient(lambda: float(function(z).sum()), z)
    assert largest_relative_error(derivative(z), numeric) < 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_shape_and_dtype_are_kept_and_the_argument_left_alone(name, dtype):
    z = np.linspace(-2, 2, 6, dtype=dtype).reshape(2, 3)
    before = z.copy()
    for function in ACTIVATIONS[name]:
        result = function(z)
        assert (result.shape, result.dtype) == (z.shape, z.dtype)
        assert not np.shares_memory(result, z)
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_large_values_do_not_overflow(name):
    z = np.array([-10_000, 10_000], np.float32)
    with np.errstate(all="raise"):
        for function in ACTIVATIONS[name]:
            assert np.isfinite(function(z)).all()


def test_softmax_by_hand():
    logits = np.log([[1, 2, 5], [4, 3, 1]])
    np.testing.assert_allclose(softmax(logits), [[1 / 8, 2 / 8, 5 / 8], [4 / 8, 3 / 8, 1 / 8]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_subtracts_the_maximum_of_each_row(dtype):
    # with the maximum of all rows instead, the last would become 0 / 0
    logits = np.array([[10_000, -10_000], [10_000, 10_000], [-10_000, -10_000]], dtype)
    with np.errstate(over="raise", invalid="raise"):
        probabilities = softmax(logits)
    assert probabilities.dtype == dtype
    np.testing.assert_array_equal(probabilities, [[1, 0], [0.5, 0.5], [0.5, 0.5]])
