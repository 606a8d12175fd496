"""Augmentation: new digits from old ones, so that the network never sees the same picture twice.

A distortion is a map that says, for each pixel of the new picture, where in the old one to look:
rows and columns (28, 28), in pixels. `warp` looks there, for a whole group of images at once.

Deskewing is something else: it straightens every image once, before training. Whatever the network
reads later has to be deskewed too, so the name of the preprocessing travels with it.
"""

import math
from collections.abc import Callable

import numpy as np

SIDE = 28
CENTRE = (SIDE - 1) / 2
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)  # each pixel's own place: no distortion
GROUP = 128  # images under one map

Map = tuple[np.ndarray, np.ndarray]  # rows, columns


def corners(rows: np.ndarray, columns: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Bilinear interpolation: the four pixels around each place, and the share each has in it.

    With r, c the whole and v, u the fractional part of a place, its value is

        (1-v)(1-u) I[r, c] + (1-v) u I[r, c+1] + v (1-u) I[r+1, c] + v u I[r+1, c+1]

    The shares are >= 0 and sum to 1, so ink stays in [0, 1]. A pixel outside the picture has share
    0. Returns four pairs, indices into the 784 pixels and shares, shaped like `rows`.
    """
    top, left = np.floor(rows), np.floor(columns)
    v, u = rows - top, columns - left
    result = []
    for row, row_share in ((top, 1 - v), (top + 1, v)):
        for column, column_share in ((left, 1 - u), (left + 1, u)):
            inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
            place = np.where(inside, row * SIDE + column, 0).astype(np.intp)
            result.append((place, (row_share * column_share * inside).astype(np.float32)))
    return result


def warp(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """All images (N, 784) float under the same map (28, 28): a new (N, 784), same dtype."""
    result = np.zeros(images.shape, images.dtype)
    for place, share in corners(rows, columns):
        part = images.take(place.ravel(), axis=1)
        part *= share.ravel()
        result += part
    return result


# ------------------------------------------------- maps: (rng, strength) -> rows, columns


def shift_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """Move by whole pixels, up to 2 x strength each way (as LeCun et al., 1998, enlarged MNIST)."""
    reach = round(2 * strength)
    down, right = rng.integers(-reach, reach + 1, 2)
    return ROWS - np.float32(down), COLUMNS - np.float32(right)


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
    y, x = ROWS - np.float32(CENTRE), COLUMNS - np.float32(CENTRE)
    return a * y + b * x + down, c * y + d * x + right


def gaussian_matrix(sigma: float) -> np.ndarray:
    """G (28, 28) such that G @ field @ G blurs a field (28, 28): G_ij = N(i - j; 0, sigma^2)."""
    distance = np.arange(SIDE)[:, None] - np.arange(SIDE)
    bell = np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    return bell.astype(np.float32)


BLUR = gaussian_matrix(4.0)


def elastic_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """Bend like handwriting: uniform noise in +-1, blurred with sigma 4 pixels, times alpha.

    alpha = 34 x strength pixels, as in Simard, Steinkraus & Platt (2003); at strength 1 a pixel
    moves by 1.4 pixels (root mean square, per axis) in the middle of the picture.
    """
    noise = rng.uniform(-1, 1, (2, SIDE, SIDE)).astype(np.float32)
    rows, columns = np.float32(34 * strength) * (BLUR @ noise @ BLUR)
    return ROWS + rows, COLUMNS + columns


def affine_elastic_map(rng: np.random.Generator, strength: float = 1.0) -> Map:
    """An affine map and an elastic one of half the strength, their displacements added."""
    rows, columns = affine_map(rng, strength)
    more_rows, more_columns = elastic_map(rng, strength / 2)
    return rows + more_rows - ROWS, columns + more_columns - COLUMNS


AUGMENTATIONS: dict[str, Callable[[np.random.Generator, float], Map] | None] = {
    "none": None,
    "shift": shift_map,
    "affine": affine_map,
    "elastic": elastic_map,
    "affine_elastic": affine_elastic_map,
}


def augment(x: np.ndarray, name: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Distort the rows of x (N, 784) in place, every group of up to 128 under a map of its own.

    A group is every n-th row, so that neighbours, which make up a batch, differ in their maps.
    """
    draw = AUGMENTATIONS[name]
    assert draw is not None
    groups = -(-len(x) // GROUP)
    for group in range(groups):
        x[group::groups] = warp(x[group::groups], *draw(rng, strength))
    return x


# ------------------------------------------------- preprocessing: uint8 images -> images


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
    """For comparison only: as floats, pixels stay 0-255, because `scale` only scales uint8."""
    return images.astype(np.float32)


PREPROCESSING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "deskew": deskew,
    "raw": raw,
}
