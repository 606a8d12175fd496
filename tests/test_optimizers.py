from itertools import pairwise

import numpy as np
import pytest

from src.model import NeuralNetwork
from src.optimizers import SCHEDULES, add_weight_decay, learning_rate_at, sgd_step

CURVATURE = np.array([1.0, 0.3, 4.0])


def slope(point):
    """Gradient of the bowl sum(CURVATURE / 2 * point^2)."""
    return CURVATURE * point


def test_plain_sgd_is_exactly_p_minus_lr_g():
    rng = np.random.default_rng(0)
    p, g = (rng.normal(size=1000).astype(np.float32) for _ in range(2))
    v = np.zeros_like(p)
    expected = p - np.float32(0.1) * g
    sgd_step(p, g.copy(), v, 0.1)
    np.testing.assert_array_equal(p, expected)
    assert not v.any()


def test_one_step_of_each_kind_by_hand():
    for options, expected_p, expected_v in (
        ({}, 2.5, 4.0),  # 3 - 0.5 * 1
        ({"momentum": 0.5}, 4.5, 1.5),  # v = 0.5 * 4 - 0.5; p = 3 + 1.5
        ({"momentum": 0.5, "nesterov": True}, 4.25, 1.75),  # v = 0.5 * (4 - 0.5); p = 3 + v - 0.5
    ):
        p, g, v = np.array([3.0]), np.array([1.0]), np.array([4.0])
        sgd_step(p, g, v, 0.5, **options)
        assert (p[0], v[0]) == (expected_p, expected_v)


def test_momentum_over_several_steps():
    p, v = np.array([1.0, -2.0, 0.5]), np.zeros(3)
    points = [p.copy()]
    for _ in range(6):
        sgd_step(p, slope(p), v, 0.1, momentum=0.9)
        points.append(p.copy())
    # Polyak's form without a velocity: p_next = p - lr g(p) + mu (p - p_before)
    before = point = points[0]
    for found in points[1:]:
        before, point = point, point - 0.1 * slope(point) + 0.9 * (point - before)
        np.testing.assert_allclose(found, point, rtol=1e-12, atol=1e-15)


def test_nesterov_is_the_look_ahead_form():
    p, v = np.array([1.0, -2.0, 0.5]), np.zeros(3)
    point, velocity = p.copy(), np.zeros(3)
    for _ in range(6):
        sgd_step(p, slope(p), v, 0.1, momentum=0.9, nesterov=True)
        velocity = 0.9 * velocity - 0.1 * slope(point + 0.9 * velocity)  # where it will be
        point = point + velocity
        np.testing.assert_allclose(p, point + 0.9 * velocity, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(v, 0.9 * velocity, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_a_step_on_the_vector_moves_the_layers_and_stays_float32(options):
    network = NeuralNetwork([4, 3, 2])
    weights = network.weights[1].copy()
    gradient, velocity = np.ones_like(network.parameters), np.zeros_like(network.parameters)
    sgd_step(network.parameters, gradient, velocity, 0.25, **options)
    assert (network.weights[1] < weights).all()
    assert (network.biases[0] < 0).all()
    assert {a.dtype for a in (network.parameters, gradient, velocity)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(gradient, 0.25)


def test_weight_decay_adds_to_weights_only():
    network = NeuralNetwork([4, 3, 2], seed=1)
    network.biases[0][...] = 5
    parameters = network.parameters.copy()
    gradient = np.ones_like(parameters)
    d_weights, d_biases = network.split(gradient)
    add_weight_decay(d_weights, network.weights, 0.5)
    for d_w, w in zip(d_weights, network.weights, strict=True):
        np.testing.assert_array_equal(d_w, 1 + np.float32(0.5) * w)
    for d_b in d_biases:
        np.testing.assert_array_equal(d_b, 1)
    np.testing.assert_array_equal(network.parameters, parameters)
    assert gradient.dtype == np.float32


# ------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1]),
        ("step", [1, 1, 1, 0.1, 0.01]),
        ("cosine", [1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0.0244717418524232]),
    ],
)
def test_exact_values(schedule, expected):
    found = [SCHEDULES[schedule](progress) for progress in (0, 0.25, 0.5, 0.75, 0.9)]
    assert found == pytest.approx(expected, rel=1e-12)


def test_where_the_steps_are():
    found = [SCHEDULES["step"](progress) for progress in (0.599, 0.6, 0.849, 0.85, 1)]
    assert found == [1, 0.1, 0.1, 0.01, 0.01]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_starts_at_the_peak_and_never_rises_or_ends_below_zero(schedule):
    rates = [learning_rate_at(i, 500, 0.4, schedule) for i in range(500)]
    assert rates[0] == 0.4
    assert all(later <= earlier for earlier, later in pairwise(rates))
    assert rates[-1] > 0


def test_warm_up_rises_to_the_peak_and_the_schedule_follows():
    rates = [learning_rate_at(i, 12, 0.8, "cosine", warmup=4) for i in range(12)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert rates[8] == pytest.approx(0.4)  # half of the eight that are left
    assert rates[11] == pytest.approx(0.4 * (1 + np.cos(np.pi * 7 / 8)))


def test_a_run_may_be_all_warm_up():
    assert [learning_rate_at(i, 2, 1.0, "step", warmup=4) for i in range(2)] == [0.25, 0.5]
