"""docs/minimal.py fits on its page, and computes what src/ computes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.utils import batches, scale
from tests.docs_script import docs_script

minimal = docs_script("minimal")


def test_it_fits_on_a_page_and_needs_numpy_only():
    text = Path(minimal.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE)) == {
        "os",
        "numpy",
        "pathlib",
    }


def test_same_weights_and_batches_give_the_same_parameters_as_src(digits):
    rng, epochs, batch_size, rate = np.random.default_rng(0), 3, 32, 0.2
    layers = [minimal.new_layer(*shape, rng) for shape in ((784, 32), (32, 16), (16, 10))]
    network = NeuralNetwork([784, 32, 16, 10])
    for i, (weights, biases) in enumerate(layers):
        network.weights[i][...], network.biases[i][...] = weights, biases
    before = network.parameters.copy()

    x = scale(digits.images)
    minimal.train(layers, x, digits.labels, epochs, np.random.default_rng(1), batch_size, rate)
    rng = np.random.default_rng(1)
    for epoch in range(epochs):
        for batch, labels in batches(digits.images, digits.labels, batch_size, rng):
            logits, cache = network.forward(batch)
            _, d_logits = cross_entropy(logits, labels)
            gradient = network.backward(d_logits, cache)
            moved = network.parameters[-len(gradient) :]
            moved -= np.float32(rate * (1 - epoch / epochs)) * gradient

    assert np.abs(network.parameters - before).max() > 0.1  # it has learned something
    for i, (weights, biases) in enumerate(layers):
        np.testing.assert_allclose(weights, network.weights[i], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(biases, network.biases[i], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_five_epochs_read_97_and_a_half_percent():
    printed = subprocess.run(
        [sys.executable, minimal.__file__], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    assert float(re.search(r"([\d.]+)%", printed)[1]) > 97.5
