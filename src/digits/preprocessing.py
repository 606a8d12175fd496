"""Preprocessing: what is done once to every image, in training and ever after.

Whatever the network reads later has to be preprocessed as its training images were, so the name of
the preprocessing is saved with the network.
"""

from collections.abc import Callable

import numpy as np

from src.digits.warp import CENTRE, COLUMNS, ROWS, corners


def ink_mean(ink: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of values (28, 28) over the ink of each image (N, 28, 28): (N, 1, 1)."""
    total = ink.sum(axis=(1, 2), keepdims=True) + np.float32(1e-6)
    return (ink * values).sum(axis=(1, 2), keepdims=True) / total


def deskew(images: np.ndarray) -> np.ndarray:
    """Centre each image (N, 28, 28) uint8 and shear its slant away, by its moments.

    The digit's axis leans by slant = cov(y, x) / var(y) columns per row, taken over its ink m (the
    idea is in LeCun et al., 1998), so the new picture looks at row y + mean(y) - 13.5, column
    x + mean(x) - 13.5 + slant (y - 13.5).
    """
    result = np.empty_like(images)
    for start in range(0, len(images), 1000):
        m = images[start : start + 1000].astype(np.float32)
        mean_y, mean_x = ink_mean(m, ROWS), ink_mean(m, COLUMNS)
        y, x = ROWS - mean_y, COLUMNS - mean_x
        slant = ink_mean(m, y * x) / np.maximum(ink_mean(m, y * y), np.float32(1e-6))
        rows = ROWS - CENTRE + mean_y
        columns = COLUMNS - CENTRE + mean_x + slant * (ROWS - CENTRE)
        flat = m.reshape(len(m), -1)
        straight = np.zeros_like(flat)
        for place, share in corners(np.broadcast_to(rows, m.shape), columns):
            found = np.take_along_axis(flat, place.reshape(flat.shape), axis=1)
            straight += share.reshape(flat.shape) * found
        result[start : start + 1000] = np.rint(straight).reshape(m.shape).astype(np.uint8)
    return result


def raw(images: np.ndarray) -> np.ndarray:
    """For comparison only: 255 times as bright, so that the network sees 0-255, not 0-1."""
    return images * np.float32(255)


PREPROCESSING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "deskew": deskew,
    "raw": raw,
}
