"""Small tools around the network: pixels to numbers, batches, one-hot vectors, and the score."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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


def batches(
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    rng: np.random.Generator,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One epoch: every row once, in a new random order, the last batch smaller if need be.

    images: (N, ...), pixels 0-255; labels: (N,). Yields x (B, D) in [0, 1] and labels (B,), without
    the first pixels if they are blank in all of x. `transform` (augmentation) takes and returns
    such an x, of several batches at once, because it works on groups of images, and a group should
    not end up in one batch; it is called by a thread, while the batches before are used.
    """
    images = images.reshape(len(images), math.prod(images.shape[1:]))  # one image a row
    order = rng.permutation(len(images))
    block_size = batch_size * (max(1, BLOCK // batch_size) if transform else 1)
    blocks = (order[start : start + block_size] for start in range(0, len(order), block_size))
    if transform:
        ready = ahead((transform(scale(images.take(rows, axis=0))), rows) for rows in blocks)
    else:
        ready = ((images.take(rows, axis=0), rows) for rows in blocks)  # as images[rows], faster
    for block, rows in ready:
        for start in range(0, len(rows), batch_size):
            end = start + batch_size
            x = block[start:end]
            x = x[:, x.any(axis=0).argmax() :]  # from the first pixel that is not blank
            yield x if transform else scale(x), labels[rows[start:end]]


def ahead(items: Iterator) -> Iterator:
    """The same items, each made by a thread while the one before is in use: two cores at work.

    An exception comes out here, and the thread ends with the iteration.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def sort_pixels(images: np.ndarray) -> np.ndarray:
    """Put pixels that seldom carry ink first in all images (N, ...), in place. Returns the order.

    Blank pixels need no arithmetic: in this order, batches finds many of them at the beginning.
    """
    parts = np.array_split(images.reshape(len(images), -1), 1 + len(images) // 1000)
    order = np.argsort(sum(np.count_nonzero(part, axis=0) for part in parts), kind="stable")
    for part in parts:  # not all at once, for memory's sake
        part[...] = part.take(order, axis=1)
    return order


@contextmanager
def sorted_rows(network: NeuralNetwork, order: np.ndarray | slice) -> Iterator[None]:
    """Inside the `with`, the rows of the first layer's weights are in the order of sort_pixels."""
    weights = network.weights[0]
    weights[...] = weights[order]
    try:
        yield
    finally:
        weights[order] = weights.copy()


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
