"""Augmentation: new digits from old ones, so that the network hardly ever sees a picture twice
(only `shift` repeats itself: at strength 1 there are 25 shifts).

A distortion is a map that says, for each pixel of the new picture, where in the old one to look:
rows and columns (28, 28), in pixels. `warp` looks there, for a whole group of images at once.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from src.digits.preprocessing import CENTRE, SIDE, X, Y

GROUP = 128  # images under one map
ROWS, COLUMNS = Y + CENTRE, X + CENTRE  # the map that leaves every pixel where it is

Map = tuple[np.ndarray, np.ndarray]  # rows, columns


def shift_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """Move by whole pixels, up to 2 x strength, rounded up (as LeCun et al., 1998, did)."""
    reach = math.ceil(2 * strength)
    down, right = rng.integers(-reach, reach + 1, 2).astype(np.float32)
    return ROWS - down, COLUMNS - right


def affine_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """Rotate, scale, shear and shift around the centre (as in Ciresan et al., 2010).

    Drawn uniformly, all times strength: rotation within +-10 degrees, the scale of each axis within
    a factor of 1.1, shear within +-0.1, shift within +-1 pixel.
    """
    angle = math.radians(10) * strength * rng.uniform(-1, 1)
    stretch = np.exp(math.log(1.1) * strength * rng.uniform(-1, 1, 2))
    shear = 0.1 * strength * rng.uniform(-1, 1)
    shift = strength * rng.uniform(-1, 1, 2)
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    matrix = rotation @ np.array([[1, 0], [shear, 1]]) @ np.diag(stretch)
    (a, b), (c, d) = matrix.astype(np.float32)
    down, right = (CENTRE + shift).astype(np.float32)
    return a * Y + b * X + down, c * Y + d * X + right


# BLUR @ field @ BLUR blurs a field (28, 28): BLUR_ij is the density N(i - j; 0, SIGMA^2).
SIGMA, DISTANCE = 4.0, np.arange(SIDE)[:, None] - np.arange(SIDE)
BLUR = np.exp(-(DISTANCE**2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
BLUR = BLUR.astype(np.float32)


def elastic_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """Bend like handwriting: uniform noise in +-1, blurred with sigma 4 pixels, times alpha.

    alpha = 34 x strength pixels, as in Simard, Steinkraus & Platt (2003); at strength 1 a pixel
    moves by 1.4 pixels (root mean square, per axis) in the middle of the picture.
    """
    noise = rng.uniform(-1, 1, (2, SIDE, SIDE)).astype(np.float32)
    rows, columns = np.float32(34 * strength) * (BLUR @ noise @ BLUR)
    return ROWS + rows, COLUMNS + columns


def affine_elastic_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """An affine map of this strength and an elastic one of half of it, displacements added."""
    rows, columns = affine_map(rng, strength)
    more_rows, more_columns = elastic_map(rng, strength / 2)
    return rows + more_rows - ROWS, columns + more_columns - COLUMNS


AUGMENTATIONS: dict[str, Callable[[np.random.Generator, float], Map]] = {
    "shift": shift_map,
    "affine": affine_map,
    "elastic": elastic_map,
    "affine_elastic": affine_elastic_map,
}


def warp(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """All images (N, 784) float under the same map of 784 places: a new (N, 784), same dtype.

    Bilinear: with r, c the whole and v, u the fractional part of a place, its value is

        (1-v)(1-u) I[r, c] + (1-v) u I[r, c+1] + v (1-u) I[r+1, c] + v u I[r+1, c+1]

    The shares are >= 0 and sum to 1, so ink stays in [0, 1]; outside the picture they are 0.
    """
    pixels = images.T.copy()  # (784, N): a pixel of all images is taken in one piece
    result = np.zeros_like(pixels)
    top, left = np.floor(rows), np.floor(columns)
    v, u = rows - top, columns - left
    for row, row_share in ((top, 1 - v), (top + 1, v)):
        for column, column_share in ((left, 1 - u), (left + 1, u)):
            inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
            place = np.where(inside, row * SIDE + column, 0).astype(np.intp)
            part = pixels.take(place.ravel(), axis=0)
            part *= (row_share * column_share * inside).astype(np.float32).reshape(-1, 1)
            result += part
    return result.T


def augment(
    x: np.ndarray, name: str, strength: float, rng: np.random.Generator, order: Any = slice(None)
) -> np.ndarray:
    """Distort the rows of x (N, 784) in place, every group of up to 128 under a map of its own.

    A group is every n-th row, so that neighbours, which make up a batch, differ in their maps. The
    new pictures have their pixels in this `order` (784,), or the natural one.
    """
    groups = math.ceil(len(x) / GROUP)
    for group in range(groups):
        rows, columns = AUGMENTATIONS[name](rng, strength)
        x[group::groups] = warp(x[group::groups], rows.ravel()[order], columns.ravel()[order])
    return x
