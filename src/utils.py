"""Small tools around the network: pixels to numbers, batches, and the score."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from src.losses import cross_entropy
from src.model import NeuralNetwork

BLOCK = 2048  # images that are augmented at once


def scale(images: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """Images (N, ...), pixels 0-255, to rows (N, D) in [0, 1], which keep the gradient small."""
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
    the first pixels where they are blank in all of x. `transform` (augmentation) makes new x of
    several batches at once; a thread calls it, while the batches before are in use.
    """
    images = images.reshape(len(images), math.prod(images.shape[1:]))  # one row for each image
    order = rng.permutation(len(images))
    block_size = batch_size * (max(1, BLOCK // batch_size) if transform else 1)
    blocks = (order[start : start + block_size] for start in range(0, len(order), block_size))
    ready: Iterator = ((rows, images.take(rows, axis=0)) for rows in blocks)
    if transform:
        ready = ahead((rows, transform(scale(block))) for rows, block in ready)
    for rows, block in ready:
        for start in range(0, len(rows), batch_size):
            x = block[start : start + batch_size]
            x = x[:, x.any(axis=0).argmax() :]  # from the first pixel that is not blank
            yield x if transform else scale(x), labels[rows[start : start + batch_size]]


def ahead(items: Iterator) -> Iterator:
    """The same items (not None), each made by a thread while the one before is in use."""
    with ThreadPoolExecutor(1) as thread:  # it hands exceptions on, and ends with the iteration
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def ink_order(images: np.ndarray) -> np.ndarray:
    """The pixels (D,) of images (N, ...), those blank in most images first, for batches to omit."""
    parts = np.array_split(images, 100)  # not all at once, for memory's sake
    inked = sum(np.count_nonzero(part, axis=0) for part in parts)
    return np.argsort(inked, axis=None, kind="stable")


def sort_pixels(images: np.ndarray, order: np.ndarray) -> None:
    """Put the pixels of all images (N, ...) in this order, in place."""
    for part in np.array_split(images.reshape(len(images), -1), 100):
        part[...] = part.take(order, axis=1)


@contextmanager
def sorted_rows(network: NeuralNetwork, order: np.ndarray) -> Iterator[None]:
    """Inside the `with`, the rows of the first layer's weights are in this order of the pixels."""
    weights = network.weights[0]
    weights[...] = weights[order]
    try:
        yield
    finally:
        weights[order] = weights.copy()


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int = 10) -> np.ndarray:
    """Counts (classes, classes): row = true digit, column = answer. Both arguments (N,)."""
    return np.bincount(labels * classes + predictions, minlength=classes**2).reshape(classes, -1)


def logits_of(network: NeuralNetwork, images: np.ndarray) -> np.ndarray:
    """The logits (N, K) of images (N, ...), pixels 0-255."""
    parts = np.array_split(images, 1 + len(images) // 1000)  # not all at once, for memory's sake
    return np.concatenate([network.forward(scale(part, network.dtype))[0] for part in parts])


def evaluate(network: NeuralNetwork, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy and accuracy on uint8 images (N, ...) and labels (N,); NaN if N = 0."""
    if len(images) == 0:
        return float("nan"), float("nan")
    logits = logits_of(network, images)
    loss, _ = cross_entropy(logits, labels)
    return loss, float(np.mean(logits.argmax(axis=1) == labels))
