"""Small tools around the network: pixels to numbers, batches, one-hot vectors, and the score."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from src.losses import cross_entropy
from src.model import NeuralNetwork

BLOCK = 2048  # images that are augmented at once


def scale(images: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """Divide by 255: images of any shape (N, ...), pixels 0-255, to rows (N, D) in [0, 1].

    Unscaled pixels make the first pre-activations, and with them the gradient, a hundred times too
    large.
    """
    x: np.ndarray = images.reshape(len(images), math.prod(images.shape[1:])).astype(dtype)
    x *= dtype(1 / 255)
    return x


def one_hot(labels: np.ndarray, classes: int = 10, dtype: type = np.float32) -> np.ndarray:
    """labels (N,) of integers 0..classes-1 to (N, classes): 1 in the label's column, else 0."""
    return np.eye(classes, dtype=dtype)[labels]


def batches(
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    rng: np.random.Generator,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
    dtype: type = np.float32,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One epoch: every row once, in a new random order, the last batch smaller if need be.

    images: (N, ...) uint8; labels: (N,). Yields x (B, D) in [0, 1] and labels (B,). `transform`
    (augmentation) takes and returns such an x, of several batches at once, because it works on
    groups of images, and a group should not end up in one batch.
    """
    order = rng.permutation(len(images))
    block_size = batch_size * (max(1, BLOCK // batch_size) if transform else 1)
    for block in range(0, len(order), block_size):
        rows = order[block : block + block_size]
        x = scale(images.take(rows, axis=0), dtype)  # as images[rows], and faster
        if transform:
            x = transform(x)
        for start in range(0, len(rows), batch_size):
            end = start + batch_size
            yield x[start:end], labels[rows[start:end]]


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The share of predictions (N,) that equal the labels (N,), in [0, 1]."""
    return float(np.mean(predictions == labels))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int = 10) -> np.ndarray:
    """Counts (classes, classes): row = true digit, column = answer. Both arguments (N,)."""
    counts = np.bincount(labels * classes + predictions, minlength=classes**2)
    return counts.reshape(classes, classes)


def evaluate(
    network: NeuralNetwork, images: np.ndarray, labels: np.ndarray, batch_size: int = 1000
) -> tuple[float, float]:
    """Mean cross-entropy and accuracy on uint8 images (N, ...) and labels (N,); NaN if N = 0."""
    if len(images) == 0:
        return float("nan"), float("nan")
    total_loss, correct = 0.0, 0
    for start in range(0, len(images), batch_size):  # not all at once, for memory's sake
        rows = slice(start, start + batch_size)
        logits, _ = network.forward(scale(images[rows], network.dtype))
        loss, _ = cross_entropy(logits, labels[rows])
        total_loss += loss * len(logits)
        correct += int(np.sum(logits.argmax(axis=1) == labels[rows]))
    return total_loss / len(images), correct / len(images)
