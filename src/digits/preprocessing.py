"""Preprocessing: what is done to every image, in training and in prediction.

Whatever the network reads later has to be preprocessed as its training images were, so the name of
the preprocessing is saved with the network. It is done once; distortions come after it.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

SIDE = 28
CENTRE = np.float32((SIDE - 1) / 2)
Y, X = np.mgrid[:SIDE, :SIDE].astype(np.float32) - CENTRE  # each pixel's place, from the centre
# The moments of the ink of N images (N, 784) are one product with these, (784, 6).
MOMENTS = np.stack([np.ones_like(Y), Y, X, Y * Y, Y * X, X * X], axis=-1).reshape(-1, 6)


def straighten(images: np.ndarray, resize: bool) -> np.ndarray:
    """Centre each image (N, 28, 28), shear its slant away and, if `resize`, fix its size.

    All by the moments of its ink. The digit's axis leans by slant = cov(y, x) / var(y) columns in
    each row (the idea is in LeCun et al., 1998). With y and x from the centre of the picture, the
    new picture has at (y, x) what the old one has at

        row     mean(y) + h y
        column  mean(x) + w x + slant h y

    Without resizing h = w = 1. With it, h = sd(y) / 5.5 makes all digits equally tall, and
    w = sqrt(sd(x) / 3.4) takes their width half the way to the same: a 1 stays narrow. sd(x) is
    taken after the slant is gone: its square is var(x) - slant cov(y, x). 5.5 and 3.4 pixels are
    MNIST's averages. Takes and returns uint8.
    """
    result = np.empty_like(images)
    for start in range(0, len(images), 128):  # so few that they stay in the processor's cache
        part = slice(start, start + 128)
        ink = images[part].astype(np.float32).reshape(-1, SIDE * SIDE)
        total, y, x, yy, yx, xx = (ink @ MOMENTS).T
        total += np.float32(1e-6)
        y, x, yy, yx, xx = y / total, x / total, yy / total, yx / total, xx / total
        var_y = np.maximum(yy - y * y, np.float32(1e-6))
        cov, var_x = yx - y * x, xx - x * x
        slant = cov / var_y
        h = w = np.ones_like(y)
        if resize:  # by at most a factor of 2, so that a dot stays a dot
            h = np.clip(np.sqrt(var_y) / np.float32(5.5), 0.5, 2)
            sd_x = np.sqrt(np.maximum(var_x - slant * cov, 0))
            w = np.clip(np.sqrt(sd_x / np.float32(3.4)), 0.5, 2)
        result[part] = np.rint(resample(ink.reshape(-1, SIDE, SIDE), y, h, x, w, slant * h))
    return result


def resample(
    ink: np.ndarray, y: np.ndarray, h: np.ndarray, x: np.ndarray, w: np.ndarray, lean: np.ndarray
) -> np.ndarray:
    """New pictures: at row r and column c, from the centre, what ink (N, 28, 28) has at
    (y + h r, x + w c + lean r). All others are (N,). Bilinear: first the rows, then the columns.
    """
    wide = np.zeros((len(ink), SIDE + 2, SIDE + 2), np.float32)
    wide[:, 1:-1, 1:-1] = ink  # outside the picture there is no ink
    axis, centre, size = Y[:, 0], CENTRE + 1, SIDE + 2
    pictures = np.arange(len(ink))[:, None]
    rows = y[:, None] + h[:, None] * axis + centre
    found = interpolate(wide.reshape(-1, size), rows, size * pictures)
    columns = (x[:, None] + lean[:, None] * axis + centre)[:, :, None]
    columns = columns + (w[:, None] * axis)[:, None, :]
    starts = size * np.arange(len(ink) * SIDE).reshape(-1, SIDE, 1)
    return interpolate(found.ravel(), columns, starts)


def interpolate(values: np.ndarray, places: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The rows of values (V, ...) at `starts` + `places`, linear between one row and the next.

    `places` are floats; what lies outside 0 to 29 is moved to the edge. `starts` are integers that
    broadcast against them. Returns the shape of `places`, then that of a row.
    """
    share = np.clip(places, 0, np.float32(SIDE + 0.999))
    whole = np.floor(share)
    share -= whole
    index = whole.astype(np.intp) + starts
    low = values.take(index, axis=0)
    index += 1  # in place, for speed, as what follows
    high = values.take(index, axis=0)
    high -= low
    high *= share.reshape(share.shape + (1,) * (values.ndim - 1))
    low += high
    return low


def raw(images: np.ndarray) -> np.ndarray:
    """For comparison only: 255 times as bright, so that the network sees 0-255, not 0-1."""
    return images * np.float32(255)


deskew = partial(straighten, resize=False)  # centred and upright
normalise = partial(straighten, resize=True)  # and of a standard size
PREPROCESSING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "deskew": deskew,
    "normalise": normalise,
    "raw": raw,
}
