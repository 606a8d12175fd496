from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import SCHEDULES, learning_rates, sgd_step
from src.runs.config import Config

KINDS = [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}]
CURVATURE = np.array([1.0, 0.3, 4.0])


def step(p, g, v, learning_rate, weight_count=0, **options):
    """sgd_step on three vectors; the first `weight_count` parameters are weights."""
    network = SimpleNamespace(parameters=p, weight_count=weight_count)
    sgd_step(network, g, v, learning_rate, Config(**options))


def slope(point):
    """Gradient of the bowl sum(CURVATURE / 2 * point^2)."""
    return CURVATURE * point


def test_plain_sgd_is_exactly_p_minus_lr_g():
    rng = np.random.default_rng(0)
    p, g = (rng.normal(size=1000).astype(np.float32) for _ in range(2))
    v = np.zeros_like(p)
    expected = p - np.float32(0.1) * g
    step(p, g.copy(), v, 0.1)
    np.testing.assert_array_equal(p, expected)
    assert not v.any()


def test_one_step_of_each_kind_by_hand():
    for options, expected_p, expected_v in (
        ({}, 2.5, 4.0),  # 3 - 0.5 * 1
        ({"momentum": 0.5}, 4.5, 1.5),  # v = 0.5 * 4 - 0.5; p = 3 + 1.5
        ({"momentum": 0.5, "nesterov": True}, 4.25, 1.75),  # v = 0.5 * (4 - 0.5); p = 3 + v - 0.5
    ):
        p, g, v = np.array([3.0]), np.array([1.0]), np.array([4.0])
        step(p, g, v, 0.5, **options)
        assert (p[0], v[0]) == (expected_p, expected_v)


def test_momentum_over_several_steps():
    p, v = np.array([1.0, -2.0, 0.5]), np.zeros(3)
    points = [p.copy()]
    for _ in range(6):
        step(p, slope(p), v, 0.1, momentum=0.9)
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
        step(p, slope(p), v, 0.1, momentum=0.9, nesterov=True)
        velocity = 0.9 * velocity - 0.1 * slope(point + 0.9 * velocity)  # where it will be
        point = point + velocity
        np.testing.assert_allclose(p, point + 0.9 * velocity, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(v, 0.9 * velocity, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("options", KINDS)
def test_a_step_on_the_vector_moves_the_layers_and_stays_float32(options):
    network = NeuralNetwork([4, 3, 2])
    weights = network.weights[1].copy()
    gradient, velocity = np.ones_like(network.parameters), np.zeros_like(network.parameters)
    sgd_step(network, gradient, velocity, 0.25, Config(**options))
    assert (network.weights[1] < weights).all()
    assert (network.biases[0] < 0).all()
    assert {a.dtype for a in (network.parameters, gradient, velocity)} == {np.dtype(np.float32)}


def test_weight_decay_draws_weights_towards_0_and_leaves_biases():
    network = NeuralNetwork([4, 3, 2], seed=1)
    network.biases[0][...] = 5
    weights = [w.copy() for w in network.weights]
    gradient, velocity = np.zeros_like(network.parameters), np.zeros_like(network.parameters)
    sgd_step(network, gradient, velocity, 0.5, Config(weight_decay=0.25))
    for after, before in zip(network.weights, weights, strict=True):
        np.testing.assert_array_equal(after, before - np.float32(0.5) * (np.float32(0.25) * before))
    np.testing.assert_array_equal(network.biases[0], 5)
    assert not network.biases[1].any()
    assert {a.dtype for a in (network.parameters, gradient)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "options", [*KINDS, {"weight_decay": 0.5}, {**KINDS[2], "weight_decay": 0.5}]
)
def test_a_gradient_without_its_zeros_at_the_beginning_makes_the_same_step(options):
    p, g, v = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    g[:20] = 0
    one, other = (p.copy(), g.copy(), v.copy()), (p.copy(), g[20:].copy(), v.copy())
    for step_of in (one, other):
        step(*step_of, 0.1, weight_count=40, **options)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[2], other[2])
    assert (one[0][:20] != p[:20]).any() == bool(options)


@pytest.mark.parametrize("options", KINDS[1:])
@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_a_velocity_fades_without_becoming_subnormal_and_one_of_0_stays_0(options, momentum):
    p, g = np.zeros(4, np.float32), np.zeros(4, np.float32)
    v = np.array([1, -1, 1e-20, 0], np.float32)
    network = SimpleNamespace(parameters=p, weight_count=4)
    config = Config(**options | {"momentum": momentum})
    for _ in range(10_000):
        sgd_step(network, g, v, 0.1, config)
        assert (np.abs(v[v != 0]) >= np.finfo(np.float32).smallest_normal).all()
    assert (np.abs(v) < 1e-30).all()
    assert (p[3], v[3]) == (0, 0)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("initializer", ["he_uniform", "zeros"])
def test_fifty_steps_are_those_of_pytorch(initializer, nesterov):
    """In float64, with a silent ReLU layer among others: where PyTorch stands still, so must we."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(50, 20, 12)), rng.integers(0, 5, (50, 20))
    network = NeuralNetwork([12, 9, 8, 7, 5], initializer=initializer, dtype=np.float64)
    network.weights[1][...] = -1  # inputs are not negative, so layer 2 is silent for ever
    layers = []
    for weights, biases in zip(network.weights, network.biases):
        layers += [torch.nn.Linear(*weights.shape, dtype=torch.float64), torch.nn.ReLU()]
        layers[-2].weight.data = torch.from_numpy(weights.T.copy())
        layers[-2].bias.data = torch.from_numpy(biases.copy())
    model = torch.nn.Sequential(*layers[:-1])
    decay = 0.01  # PyTorch's own decay would include the biases
    groups = [{"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": decay}]
    groups.append({"params": [p for p in model.parameters() if p.ndim == 1]})
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=nesterov)
    config = Config(momentum=0.9, nesterov=nesterov, weight_decay=decay)
    gradient, velocity = np.empty_like(network.parameters), np.zeros_like(network.parameters)
    for batch, y in zip(x, labels):
        logits, cache = network.forward(batch)
        network.backward(cross_entropy(logits, y)[1], cache, out=gradient)
        sgd_step(network, gradient, velocity, 0.1, config)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(
            model(torch.from_numpy(batch)), torch.from_numpy(y)
        ).backward()
        optimizer.step()
    for layer, weights, biases in zip(layers[0::2], network.weights, network.biases):
        np.testing.assert_allclose(weights, layer.weight.detach().numpy().T, rtol=0, atol=1e-12)
        np.testing.assert_allclose(biases, layer.bias.detach().numpy(), rtol=0, atol=1e-12)
    assert not network.biases[0].any() and not network.biases[2].any()


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
    assert rates[11] == pytest.approx(0.4 * (1 + np.cos(np.pi * 7 / 8)))


def test_a_run_may_be_all_warm_up():
    assert rates_of(2, epochs=1, learning_rate=1.0, schedule="step", warmup_epochs=2) == [0.25, 0.5]
