"""The optimizer: each kind of step is exactly its formula, and each step has its learning rate."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from src.optimizers import SCHEDULES, learning_rates, sgd_step
from src.runs.config import Config

MOMENTUM = {"momentum": 0.5}
NESTEROV = {"momentum": 0.5, "nesterov": True}
DECAY = {"weight_decay": 0.5}


def step(p, g, v, rate, weight_count, **options):
    """sgd_step on plain vectors; the first `weight_count` parameters are weights."""
    network = SimpleNamespace(parameters=p, weight_count=weight_count)
    sgd_step(network, g, v, rate, Config(**options))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_plain_sgd_is_exactly_p_minus_lr_g(decay):
    """To the last bit of float32; g includes the decay."""
    p, g = np.random.default_rng(0).normal(size=(2, 1000)).astype(np.float32)
    expected = p - np.float32(0.1) * (g + np.float32(decay) * p)
    step(p, g, np.zeros_like(p), 0.1, weight_count=1000, weight_decay=decay)
    np.testing.assert_array_equal(p, expected)


@pytest.mark.parametrize(
    ("options", "p_expected", "v_expected"),
    [
        ({}, [2.5, 2.5], [4, 4]),  # 3 - 0.5 * 1
        (MOMENTUM, [4.5, 4.5], [1.5, 1.5]),  # v = 0.5 * 4 - 0.5;  p = 3 + 1.5
        (NESTEROV, [4.25, 4.25], [1.75, 1.75]),  # v = 0.5 * (4 - 0.5);  p = 3 + 1.75 - 0.5
        (DECAY, [1.75, 2.5], [4, 4]),  # the weight's g = 1 + 0.5 * 3 = 2.5;  3 - 0.5 * 2.5
        (MOMENTUM | DECAY, [3.75, 4.5], [0.75, 1.5]),  # v = 0.5 * 4 - 1.25;  p = 3 + 0.75
        (NESTEROV | DECAY, [3.125, 4.25], [1.375, 1.75]),  # v = 0.5 * (4 - 1.25)
    ],
)
def test_one_step_of_a_weight_and_a_bias_by_hand(options, p_expected, v_expected):
    p, g, v = np.array([3.0, 3.0]), np.array([1.0, 1.0]), np.array([4.0, 4.0])
    step(p, g, v, 0.5, weight_count=1, **options)
    np.testing.assert_array_equal([p, v], [p_expected, v_expected])


def test_nesterov_is_the_look_ahead_form():
    def slope(point):  # gradient of the bowl sum(curvature / 2 * point^2)
        return np.array([1.0, 0.3, 4.0]) * point

    p, v = np.array([1.0, -2.0, 0.5]), np.zeros(3)
    point, velocity = p.copy(), np.zeros(3)
    for _ in range(6):
        step(p, slope(p), v, 0.1, 3, momentum=0.9, nesterov=True)
        velocity = 0.9 * velocity - 0.1 * slope(point + 0.9 * velocity)  # where it will be
        point = point + velocity
        np.testing.assert_allclose(p, point + 0.9 * velocity, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(v, 0.9 * velocity, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("options", [{}, MOMENTUM, NESTEROV, DECAY, NESTEROV | DECAY])
def test_a_gradient_without_its_zeros_at_the_beginning_makes_the_same_step(options):
    p, g, v = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    g[:20] = 0
    same_p, same_v, short = p.copy(), v.copy(), g[20:].copy()
    step(p, g, v, 0.1, weight_count=40, **options)
    step(same_p, short, same_v, 0.1, weight_count=40, **options)
    np.testing.assert_array_equal([p, v], [same_p, same_v])


@pytest.mark.parametrize("options", [MOMENTUM, NESTEROV])
def test_a_velocity_fades_without_becoming_subnormal_and_one_of_0_stays_0(options):
    p, g, v = np.zeros(3, np.float32), np.zeros(3, np.float32), np.array([1, -1, 0], np.float32)
    for _ in range(200):
        step(p, g, v, 0.1, 3, **options)
        assert (np.abs(v[v != 0]) >= np.finfo(np.float32).smallest_normal).all()
    assert (np.abs(v) < 1e-30).all()
    assert (p[2], v[2]) == (0, 0)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", {0: 1, 0.5: 1, 1: 1}),
        ("step", {0: 1, 0.599: 1, 0.6: 0.1, 0.849: 0.1, 0.85: 0.01, 1: 0.01}),
        ("cosine", {0: 1, 1 / 3: 0.75, 0.5: 0.5, 2 / 3: 0.25, 1: 0}),
    ],
)
def test_exact_values(schedule, factors):
    found = [SCHEDULES[schedule](progress) for progress in factors]
    assert found == pytest.approx(list(factors.values()), rel=1e-12, abs=1e-15)


def rates_of(steps_per_epoch, **options):
    return list(learning_rates(Config(**options), steps_per_epoch))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_starts_at_the_peak_and_never_rises_or_ends_below_zero(schedule):
    rates = rates_of(100, epochs=5, learning_rate=0.4, schedule=schedule)
    assert len(rates) == 500
    assert rates[0] == 0.4
    assert all(later <= earlier for earlier, later in pairwise(rates))
    assert rates[-1] > 0
    assert {type(rate) for rate in rates} == {float}  # a np.float64 would make float32 steps slow


def test_warm_up_rises_to_the_peak_and_the_schedule_follows():
    rates = rates_of(4, epochs=3, learning_rate=0.8, schedule="cosine", warmup_epochs=1)
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert rates[8] == pytest.approx(0.4)  # half of the eight that are left
    assert len(rates) == 12


def test_a_run_may_be_all_warm_up():
    assert rates_of(2, epochs=1, learning_rate=1.0, schedule="step", warmup_epochs=2) == [0.25, 0.5]
