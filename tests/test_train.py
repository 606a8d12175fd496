"""train(): one step, the loop, and what decides its numbers."""

import math

import numpy as np
import pytest

import train as script
from src.digits.data import Data, split
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import sgd_step
from src.runs.config import Config
from src.runs.recipes import recipe
from src.utils import batches, scale, sorted_rows
from tests.training import run_of, without_times
from train import train

SMALL = Config(hidden=(16,), epochs=2, batch_size=32, seed=1)
EVERYTHING = recipe("best").with_(
    hidden=(16,), epochs=2, batch_size=32, warmup_epochs=0.5, dropout=0.2, label_smoothing=0.1
)


@pytest.fixture
def steps(monkeypatch):
    """What every training step of this test was given: a list of (x, labels, learning rate).

    Each x (B, 784) with the pixels that were left out, and all in their natural order.
    """
    seen, pixels = [], np.arange(784)

    def watched_rows(network, order):
        nonlocal pixels
        pixels = np.arange(784)[order]
        return sorted_rows(network, order)

    def watched_batches(*arguments):
        for x, labels in batches(*arguments):
            whole = np.zeros((len(x), 784), x.dtype)
            whole[:, pixels[784 - x.shape[1] :]] = x
            seen.append([whole, labels.copy()])
            yield x, labels

    def watched_step(network, gradient, velocity, learning_rate, config):
        seen[-1].append(learning_rate)
        sgd_step(network, gradient, velocity, learning_rate, config)

    monkeypatch.setattr(script, "sorted_rows", watched_rows)
    monkeypatch.setattr(script, "batches", watched_batches)
    monkeypatch.setattr(script, "sgd_step", watched_step)
    return seen


def test_one_step_is_minus_lr_times_gradient_and_decay_of_weights_only(digits, steps):
    """With all images in one batch, an epoch is one step, and that can be written down."""
    config = Config(hidden=(6,), epochs=1, batch_size=1000, learning_rate=0.5, weight_decay=0.01)
    network = NeuralNetwork([784, 6, 10], seed=2)
    network.biases[0][...] = 1
    before = network.parameters.copy()
    train(config, digits, network=network)
    ((x, labels, rate),) = steps
    assert (len(x), rate) == (540, 0.5)
    same = NeuralNetwork([784, 6, 10], seed=2)
    same.parameters[...] = before
    logits, cache = same.forward(x)
    gradient = same.backward(cross_entropy(logits, labels)[1], cache)
    decayed = before.copy()
    for biases in same.split(decayed)[1]:
        biases[...] = 0
    expected = before - 0.5 * (gradient + np.float32(0.01) * decayed)
    np.testing.assert_allclose(network.parameters, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("config", [SMALL, EVERYTHING], ids=["plain", "everything"])
def test_nothing_upcasts_on_the_way(digits, config, monkeypatch):
    arrays = []

    def watched_step(network, gradient, velocity, *rest):
        sgd_step(network, gradient, velocity, *rest)
        arrays.extend([gradient, velocity, network.parameters, *network.weights])

    def watched_loss(logits, labels, *rest):
        loss, d_logits = cross_entropy(logits, labels, *rest)
        arrays.extend([logits, d_logits])
        return loss, d_logits

    monkeypatch.setattr(script, "sgd_step", watched_step)
    monkeypatch.setattr(script, "cross_entropy", watched_loss)
    run_of(config, digits)
    assert len(arrays) > 100
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_a_tiny_real_set_is_learned_to_the_last_digit(digits):
    tiny = Data("tiny", digits.images[:100], digits.labels[:100], *[np.empty(0)] * 2)
    config = Config(hidden=(64, 32), epochs=40, batch_size=10, validation_fraction=0)
    network, history = train(config, tiny)
    assert network.layer_sizes == [784, 64, 32, 10]
    assert history[0]["train_accuracy"] < 0.4
    assert history[-1]["train_accuracy"] == 1
    assert history[-1]["train_loss"] < 0.02


def test_every_epoch_visits_every_training_image_once_the_ragged_batch_included(digits, steps):
    run_of(SMALL, digits)
    training_rows, _ = split(600, 0.1, SMALL.split_seed)
    assert [len(y) for _, y, _ in steps] == ([32] * 16 + [28]) * 2  # 540 = 16 * 32 + 28
    wanted = sorted(map(bytes, scale(digits.images[training_rows])))
    epochs = steps[:17], steps[17:]
    for epoch in epochs:
        assert sorted(bytes(row) for x, _, _ in epoch for row in x) == wanted
    assert not np.array_equal(epochs[0][0][0], epochs[1][0][0])


def test_the_learning_rate_follows_its_schedule_step_by_step(digits, steps):
    run_of(SMALL.with_(schedule="cosine", warmup_epochs=1, learning_rate=0.2), digits)
    rates = [rate for _, _, rate in steps]
    assert rates[:17] == pytest.approx([0.2 * (i + 1) / 17 for i in range(17)])
    assert rates[17:] == pytest.approx([0.1 * (1 + math.cos(math.pi * i / 17)) for i in range(17)])


def test_the_seed_decides_and_two_runs_share_nothing(digits):
    first, _ = train(EVERYTHING, digits)
    np.random.seed(5)  # noqa: NPY002  (the global generator plays no part)
    other, _ = train(EVERYTHING.with_(seed=2), digits)
    again, _ = train(EVERYTHING, digits)
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert (first.parameters != other.parameters).any()


def test_the_seed_decides_the_order_of_the_batches_and_not_the_split(digits, steps):
    run_of(SMALL.with_(epochs=1, seed=1), digits)
    run_of(SMALL.with_(epochs=1, seed=2), digits)
    one, other = (np.concatenate([x for x, _, _ in part]) for part in (steps[:17], steps[17:]))
    assert (one != other).any(axis=1).mean() > 0.9
    assert sorted(map(bytes, one)) == sorted(map(bytes, other))


@pytest.mark.parametrize(
    "change", [{"dropout": 0.5}, {"label_smoothing": 0.1}, {"augmentation": "shift"}]
)
def test_what_is_changed_leaves_first_weights_batches_and_measurements_alone(digits, steps, change):
    """Dropout and augmentation draw from streams of their own."""
    _, plain = train(SMALL, digits)
    count = len(steps)
    _, changed = train(SMALL.with_(**change), digits)
    for (x, y, _), (other_x, same_y, _) in zip(steps[:count], steps[count:], strict=True):
        np.testing.assert_array_equal(y, same_y)
        differing = (x != other_x).any(axis=1).mean()
        assert differing > 0.7 if "augmentation" in change else differing == 0
    assert without_times(plain)[0] == without_times(changed)[0]
    assert without_times(plain)[1] != without_times(changed)[1]
