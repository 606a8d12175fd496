"""Preprocessing: what is done once to every image, in training and in prediction.

Whatever the network reads later has to be preprocessed as its training images were, so the name of
the preprocessing is saved with the network.
"""

from collections.abc import Callable

import numpy as np

from src.digits.augmentation import CENTRE, COLUMNS, ROWS, corners


def ink_mean(ink: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of values (28, 28) over the ink of each image (N, 28, 28): (N, 1, 1)."""
    total = ink.sum(axis=(1, 2), keepdims=True) + np.float32(1e-6)
    return (ink * values).sum(axis=(1, 2), keepdims=True) / total


def straighten(images: np.ndarray, resize: bool) -> np.ndarray:
    """Centre each image (N, 28, 28) uint8, shear its slant away and, if `resize`, fix its size.

    All by the moments of its ink m. The digit's axis leans by slant = cov(y, x) / var(y) columns a
    row (the idea is in LeCun et al., 1998). The new picture has at (y, x) what the old one has at

        row     mean(y) + h (y - 13.5)
        column  mean(x) + w (x - 13.5) + slant h (y - 13.5)

    Without resizing h = w = 1. With it, h = sd(y) / 5.5 makes all digits equally tall, and
    w = sqrt(sd(x) / 3.4) takes their width half the way to the same: a 1 stays narrow. sd(x) is
    taken after the slant is gone; 5.5 and 3.4 pixels are MNIST's averages.
    """
    result = np.empty_like(images)
    for start in range(0, len(images), 1000):
        m = images[start : start + 1000].astype(np.float32)
        mean_y, mean_x = ink_mean(m, ROWS), ink_mean(m, COLUMNS)
        y, x = ROWS - mean_y, COLUMNS - mean_x
        var_y = np.maximum(ink_mean(m, y * y), np.float32(1e-6))
        slant = ink_mean(m, y * x) / var_y
        h, w = np.float32(1), np.float32(1)
        if resize:  # by at most a factor of 2, so that a dot stays a dot
            sd_x = np.sqrt(ink_mean(m, (x - slant * y) ** 2))
            h = np.clip(np.sqrt(var_y) / np.float32(5.5), 0.5, 2)
            w = np.clip(np.sqrt(sd_x / np.float32(3.4)), 0.5, 2)
        new_y, new_x = h * (ROWS - CENTRE), w * (COLUMNS - CENTRE)
        rows, columns = mean_y + new_y, mean_x + new_x + slant * new_y
        flat = m.reshape(len(m), -1)
        straight = np.zeros_like(flat)
        for place, share in corners(np.broadcast_to(rows, m.shape), columns):
            found = np.take_along_axis(flat, place.reshape(flat.shape), axis=1)
            straight += share.reshape(flat.shape) * found
        result[start : start + 1000] = np.rint(straight).reshape(m.shape).astype(np.uint8)
    return result


def deskew(images: np.ndarray) -> np.ndarray:
    """Centred and upright, (N, 28, 28) uint8 to the same."""
    return straighten(images, resize=False)


def normalise(images: np.ndarray) -> np.ndarray:
    """Centred, upright and of a standard size, (N, 28, 28) uint8 to the same."""
    return straighten(images, resize=True)


def raw(images: np.ndarray) -> np.ndarray:
    """For comparison only: 255 times as bright, so that the network sees 0-255, not 0-1."""
    return images * np.float32(255)


PREPROCESSING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "deskew": deskew,
    "normalise": normalise,
    "raw": raw,
}
