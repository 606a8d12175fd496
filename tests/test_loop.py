"""The loop of train.py is mini-batch SGD: with all techniques at once, it is the lines below.

It does less arithmetic than these lines, because it sorts pixels and leaves out blank ones.
"""

import numpy as np
import pytest

from src.digits.data import split
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import learning_rates, sgd_step
from src.runs.config import Config
from src.utils import scale
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
