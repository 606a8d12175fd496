"""train(): with all techniques at once it is the lines of the first test, and it learns.

The loop does less arithmetic than these lines: it sorts the pixels and leaves out blank ones.
"""

from dataclasses import replace

import numpy as np
import pytest

import train as script
from src.common.errors import InputError
from src.digits.data import Data, split
from src.digits.preprocessing import PREPROCESSING
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import learning_rates, sgd_step
from src.runs.config import Config
from src.utils import evaluate, scale
from tests.training import without_times
from train import train

CONFIG = Config(
    hidden=(16, 12),
    activation="tanh",
    initializer="xavier_uniform",
    epochs=2,
    batch_size=32,
    learning_rate=0.02,
    schedule="cosine",
    warmup_epochs=0.5,
    momentum=0.9,
    nesterov=True,
    weight_decay=1e-3,
    dropout=0.2,
    label_smoothing=0.1,
    seed=5,
)


@pytest.mark.parametrize("augmentation", ["none", "affine"])
def test_training_is_these_lines(digits, augmentation):
    rows, _ = split(600, CONFIG.validation_fraction, CONFIG.split_seed)
    images, labels = digits.images[rows], digits.labels[rows]
    network = NeuralNetwork([784, 16, 12, 10], "tanh", "xavier_uniform", seed=5)
    velocity = np.zeros_like(network.parameters)
    shuffle_rng, dropout_rng = np.random.default_rng([5, 1]), np.random.default_rng([5, 3])
    rates = learning_rates(CONFIG, steps_per_epoch=17)  # 540 = 16 * 32 + 28
    for _ in range(2):
        order = shuffle_rng.permutation(540)
        for start in range(0, 540, 32):
            batch = order[start : start + 32]
            logits, cache = network.forward(scale(images[batch]), 0.2, dropout_rng)
            _, d_logits = cross_entropy(logits, labels[batch], 0.1)
            sgd_step(network, network.backward(d_logits, cache), velocity, next(rates), CONFIG)
    # an augmentation of strength 0 changes nothing, but takes another way through the loop
    config = CONFIG.with_(augmentation=augmentation, augmentation_strength=0)
    trained, _ = train(config, digits)
    np.testing.assert_allclose(trained.parameters, network.parameters, rtol=0, atol=1e-5)


def test_a_tiny_real_set_is_learned_to_the_last_digit(digits):
    tiny = Data("tiny", digits.images[:100], digits.labels[:100], *[np.empty(0)] * 2)
    config = Config(hidden=(64, 32), epochs=40, batch_size=10, validation_fraction=0)
    network, history = train(config, tiny)
    assert network.layer_sizes == [784, 64, 32, 10]
    assert history[0]["train_accuracy"] < 0.4
    assert history[-1]["train_accuracy"] == 1
    assert history[-1]["train_loss"] < 0.02


def test_nothing_upcasts_on_the_way(digits, monkeypatch):
    dtypes = set()

    def watched_step(network, gradient, velocity, rate, config):
        dtypes.update(array.dtype for array in (network.parameters, gradient, velocity))
        sgd_step(network, gradient, velocity, rate, config)

    monkeypatch.setattr(script, "sgd_step", watched_step)
    train(CONFIG.with_(augmentation="shift"), digits)
    assert dtypes == {np.dtype(np.float32)}


def test_the_seed_decides_and_two_runs_share_nothing(digits):
    config = CONFIG.with_(augmentation="affine_elastic", preprocessing="deskew")
    first, _ = train(config, digits)
    np.random.seed(5)  # noqa: NPY002  (the global generator plays no part)
    other, _ = train(config.with_(seed=2), digits)
    again, _ = train(config, digits)
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert (first.parameters != other.parameters).any()


def test_augmentation_changes_what_is_trained_on_and_not_what_is_measured_on(digits):
    plain, history = train(CONFIG, digits)
    shifted, other = train(CONFIG.with_(augmentation="shift"), digits)
    assert (plain.parameters != shifted.parameters).any()
    assert without_times(history)[0] == without_times(other)[0]
    rows, _ = split(600, CONFIG.validation_fraction, CONFIG.split_seed)
    measured = other[-1]["train_loss"], other[-1]["train_accuracy"]
    assert measured == evaluate(shifted, digits.images[rows], digits.labels[rows])


def test_a_given_network_is_trained_on(digits):
    network, same = (NeuralNetwork([784, 16, 12, 10], "tanh", seed=9) for _ in range(2))
    trained, history = train(CONFIG, digits, network=network)
    assert trained is network and (network.parameters != same.parameters).any()
    rows, _ = split(600, CONFIG.validation_fraction, CONFIG.split_seed)
    assert history[0]["train_loss"] == evaluate(same, digits.images[rows], digits.labels[rows])[0]
    with pytest.raises(InputError, match="other layers than the config"):
        train(CONFIG.with_(hidden=(9,)), digits, network=network)


def test_the_order_of_images_in_memory_changes_nothing(digits, monkeypatch):
    config = Config(hidden=(8,), epochs=1)
    turned = replace(digits, images=np.asfortranarray(digits.images))
    plain, same = (train(config, data)[0].parameters for data in (digits, turned))
    assert plain.tobytes() == same.tobytes()
    monkeypatch.setitem(PREPROCESSING, "none", lambda images: images[:, :, ::-1])  # is a view
    mirrored = replace(digits, images=digits.images[:, :, ::-1])
    view = train(config, digits)[0].parameters
    monkeypatch.undo()
    assert view.tobytes() == train(config, mirrored)[0].parameters.tobytes() != plain.tobytes()


def test_arrays_that_are_no_digits_are_refused(digits):
    images, labels = digits.images, digits.labels
    others = [{"images": images / 255}, {"images": images[:, :27]}]
    others += [{"labels": other} for other in (labels - 1, labels[1:], labels[:, None])]
    for other in others:
        with pytest.raises(InputError, match=r"give uint8 images \(N, 28, 28\)"):
            train(CONFIG, replace(digits, **other))
