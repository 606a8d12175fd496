"""Augmentation: new digits from old ones, so that the network never sees the same picture twice.

A distortion is a map that says, for each pixel of the new picture, where in the old one to look:
rows and columns (28, 28), in pixels. `warp` looks there, for a whole group of images at once.
"""

import math
from collections.abc import Callable

import numpy as np

from src.digits.warp import CENTRE, COLUMNS, ROWS, SIDE, Map, warp

GROUP = 128  # images under one map


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


AUGMENTATIONS: dict[str, Callable[[np.random.Generator, float], Map]] = {
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
    groups = -(-len(x) // GROUP)
    for group in range(groups):
        x[group::groups] = warp(x[group::groups], *draw(rng, strength))
    return x
