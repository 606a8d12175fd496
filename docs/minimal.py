"""The whole algorithm on one page: a network learns to read handwritten digits, in plain NumPy.
python docs/minimal.py     takes a few seconds and reads about 98% of the test images correctly
"""

import os
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: so small a network gains nothing from more
import numpy as np


def new_layer(inputs, units, rng):
    """Weights, random so that units differ, of a size that He et al. (2015) derive; biases of 0."""
    weights = rng.uniform(-1, 1, (inputs, units)) * np.sqrt(6 / inputs)
    return weights.astype(np.float32), np.zeros(units, np.float32)


def forward(layers, x):
    """x (N, 784), one row per image, to the inputs of each layer and the logits (N, 10)."""
    inputs = []
    for weights, biases in layers:
        inputs.append(x)
        z = x @ weights + biases
        x = np.maximum(0, z)  # ReLU: the input of the next layer (after the last, unused)
    return inputs, z


def step(layers, x, labels, learning_rate):
    """Learn a little from a batch of N images. Returns the loss before the step."""
    inputs, logits = forward(layers, x)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)  # softmax: ten probabilities for each image
    loss = -np.log(p[range(len(x)), labels]).mean()  # cross-entropy (src/losses.py avoids log 0)
    dz = (p - np.eye(10, dtype=np.float32)[labels]) / len(x)  # its gradient: (p - target) / N
    for i in reversed(range(len(layers))):  # backpropagation: from the last layer to the first
        a, (weights, biases) = inputs[i], layers[i]
        d_weights, d_biases = a.T @ dz, dz.sum(axis=0)
        if i > 0:
            dz = dz @ weights.T * (a > 0)  # through the weights, then the ReLU of the layer before
        weights -= learning_rate * d_weights  # a step downhill, in place
        biases -= learning_rate * d_biases
    return loss


def train(layers, x, labels, epochs, rng, batch_size=32, learning_rate=0.2):
    for epoch in range(epochs):
        order = rng.permutation(len(x))  # every image once, in a new order
        batches = [order[start : start + batch_size] for start in range(0, len(x), batch_size)]
        rate = learning_rate * (1 - epoch / epochs)  # smaller steps towards the end
        losses = [step(layers, x[rows], labels[rows], rate) for rows in batches]
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")


if __name__ == "__main__":
    data, rng = np.load(Path(__file__).parents[1] / "data" / "mnist.npz"), np.random.default_rng(0)
    x, x_test = (data[name].reshape(-1, 784) / np.float32(255) for name in ("x_train", "x_test"))
    layers = [new_layer(784, 128, rng), new_layer(128, 64, rng), new_layer(64, 10, rng)]
    train(layers, x, data["y_train"], 5, rng)
    right = forward(layers, x_test)[1].argmax(axis=1) == data["y_test"]
    print(f"{right.mean():.2%} of the test images read correctly")
