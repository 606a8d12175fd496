"""docs/minimal.py fits on its page, and computes what src/ computes."""

import re
import runpy
from pathlib import Path

import minimal
import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.utils import batches, scale


def test_it_fits_on_a_page_and_needs_numpy_only():
    text = Path(minimal.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    imported = re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE)
    assert imported == ["os", "pathlib", "numpy"]


def test_the_same_seeds_give_the_same_parameters_as_src(digits):
    network, rng = NeuralNetwork([784, 32, 16, 10], seed=0), np.random.default_rng(0)
    layers = [minimal.new_layer(*shape, rng) for shape in ((784, 32), (32, 16), (16, 10))]
    before, epochs, rate = network.parameters.copy(), 3, 0.2

    x, rng = scale(digits.images), np.random.default_rng(1)
    minimal.train(layers, x, digits.labels, epochs, rng, batch_size=32, learning_rate=rate)
    rng = np.random.default_rng(1)
    for epoch in range(epochs):
        for batch, labels in batches(digits.images, digits.labels, 32, rng):
            logits, cache = network.forward(batch)
            gradient = network.backward(cross_entropy(logits, labels)[1], cache)
            moved = network.parameters[-len(gradient) :]
            moved -= np.float32(rate * (1 - epoch / epochs)) * gradient

    assert np.abs(network.parameters - before).max() > 0.1  # it has learned something
    for (weights, biases), ours, our_biases in zip(layers, network.weights, network.biases):
        np.testing.assert_allclose(weights, ours, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(biases, our_biases, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_five_epochs_read_97_and_a_half_percent(capsys):
    runpy.run_path(minimal.__file__, run_name="__main__")
    assert float(re.search(r"([\d.]+)%", capsys.readouterr().out)[1]) > 97.5
