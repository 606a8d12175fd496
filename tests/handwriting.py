"""Handwritten digits as alpha (H, W) in [0, 1], with no margin: a model's strokes, or MNIST's."""

from functools import cache

import cv2
import numpy as np

from src.digits.data import EMBEDDED, load_data

Rng = np.random.Generator
Array = np.ndarray

# Each digit's strokes as points (x, y), y downwards, in a box of 0.6 x 1, one list a way to write
# it; a smooth curve runs through them.
STROKES: dict[int, list[list[list[tuple[float, float]]]]] = {
    0: [[[(0.32, 0.0), (0.1, 0.2), (0.03, 0.5), (0.1, 0.82), (0.3, 1.0), (0.5, 0.8), (0.57, 0.5),
          (0.5, 0.18), (0.3, 0.0)]]],
    1: [[[(0.3, 0.0), (0.3, 0.5), (0.3, 1.0)]],
        [[(0.12, 0.2), (0.22, 0.12), (0.32, 0.0)], [(0.32, 0.0), (0.32, 0.5), (0.31, 1.0)]]],
    2: [[[(0.06, 0.24), (0.16, 0.05), (0.34, 0.0), (0.5, 0.12), (0.48, 0.36), (0.3, 0.64),
          (0.05, 0.98)], [(0.05, 0.98), (0.3, 0.97), (0.58, 0.96)]]],
    3: [[[(0.08, 0.12), (0.28, 0.0), (0.48, 0.1), (0.46, 0.34), (0.26, 0.46), (0.24, 0.47)],
         [(0.24, 0.47), (0.46, 0.54), (0.54, 0.74), (0.42, 0.95), (0.2, 1.0), (0.04, 0.88)]]],
    4: [[[(0.18, 0.04), (0.1, 0.34), (0.05, 0.58)], [(0.05, 0.58), (0.3, 0.6), (0.58, 0.57)],
         [(0.43, 0.02), (0.42, 0.5), (0.41, 1.0)]],
        [[(0.4, 0.0), (0.22, 0.3), (0.03, 0.64)], [(0.03, 0.64), (0.3, 0.65), (0.6, 0.63)],
         [(0.42, 0.0), (0.42, 0.5), (0.42, 1.0)]]],
    5: [[[(0.14, 0.03), (0.12, 0.2), (0.1, 0.44)], [(0.1, 0.44), (0.3, 0.38), (0.5, 0.5),
         (0.53, 0.74), (0.38, 0.96), (0.18, 1.0), (0.03, 0.9)],
         [(0.14, 0.03), (0.32, 0.03), (0.54, 0.01)]]],
    6: [[[(0.44, 0.0), (0.22, 0.2), (0.08, 0.5), (0.06, 0.78), (0.22, 0.99), (0.44, 0.94),
          (0.53, 0.74), (0.42, 0.56), (0.22, 0.58), (0.08, 0.74)]]],
    7: [[[(0.03, 0.03), (0.3, 0.03), (0.57, 0.02)], [(0.57, 0.02), (0.4, 0.4), (0.24, 1.0)]],
        [[(0.03, 0.03), (0.3, 0.03), (0.57, 0.02)], [(0.57, 0.02), (0.4, 0.42), (0.26, 1.0)],
         [(0.2, 0.48), (0.38, 0.47), (0.54, 0.46)]]],
    8: [[[(0.42, 0.08), (0.26, 0.0), (0.1, 0.12), (0.12, 0.3), (0.3, 0.46), (0.48, 0.64),
          (0.52, 0.84), (0.34, 1.0), (0.12, 0.94), (0.06, 0.76), (0.2, 0.56), (0.4, 0.38),
          (0.5, 0.2), (0.42, 0.08)]]],
    9: [[[(0.48, 0.12), (0.28, 0.0), (0.08, 0.14), (0.08, 0.38), (0.24, 0.5), (0.42, 0.38),
          (0.5, 0.14)], [(0.5, 0.14), (0.47, 0.5), (0.4, 1.0)]]],
}  # fmt: skip


def curve(points: Array, steps: int = 12) -> Array:
    """A smooth line (N, 2) through points (K, 2): Catmull and Rom's spline (1974)."""
    p, parts = np.concatenate([points[:1], points, points[-1:]]), []
    t = np.linspace(0, 1, steps)[:, None]
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:]):
        cubic = c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))
        parts.append(b + t / 2 * cubic)
    return np.concatenate(parts)


def written(rng: Rng, digit: int, height: int, pen: float | None = None, gap: float = 0.0) -> Array:
    """A digit in the model's handwriting, alpha (H, W) in [0, 1], cut out with no margin.

    pen: width as a share of the height; gap: how far strokes stay apart, likewise.
    """
    ways = STROKES[digit]
    strokes = ways[rng.integers(len(ways))]
    pen = pen or rng.uniform(0.06, 0.12)
    angle, slant = np.radians(rng.normal(0, 4)), rng.normal(0.08, 0.1)
    stretch = rng.uniform(0.85, 1.2)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -slant], [0, 1]])
    alpha = np.zeros((round(2.4 * height), round(2.4 * height)), np.uint8)
    for number, stroke in enumerate(strokes):
        points = np.array(stroke)
        points = points + rng.normal(0, 0.016, points.shape)
        if number:  # the last stroke is moved off the others
            points += gap * np.array({4: (0.9, 0), 5: (0.3, -1), 7: (0.6, 0.6)}.get(digit, (0, 0)))
        line = (curve(points) - (0.3, 0.5)) @ matrix.T * height + 1.2 * height
        shown = np.rint(line * 16).astype(np.int32)
        cv2.polylines(alpha, [shown], False, 255, max(1, round(pen * height)), cv2.LINE_AA, 4)
    return cut_out(alpha / 255)


def cut_out(alpha: Array) -> Array:
    rows, columns = (np.flatnonzero((alpha > 0.2).any(axis=axis)) for axis in (1, 0))
    return alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)


@cache
def mnist_digits() -> tuple[Array, Array]:
    data = load_data(EMBEDDED)
    return data.test_images, data.test_labels


def from_mnist(rng: Rng, digit: int, height: int) -> Array:
    """An MNIST test image of this digit, enlarged smoothly, alpha (H, W), no margin."""
    images, labels = mnist_digits()
    image = images[rng.choice(np.flatnonzero(labels == digit))] / np.float32(255)
    factor = height / 20
    return cut_out(
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    )


def shape(rng: Rng, digit: int, height: int, pen: float | None = None, gap: float = 0.0) -> Array:
    """One or the other, by chance; a pen's width or a gap is only the model's."""
    if pen is not None or gap > 0 or rng.random() < 0.5:
        return written(rng, digit, height, pen, gap)
    return from_mnist(rng, digit, height)


def turned(image: Array, degrees: float, fill: tuple[float, ...] | float = 0) -> Array:
    """Turned around its middle, the canvas enlarged to hold it."""
    if not degrees:
        return image
    h, w = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_w, new_h = round(h * sin + w * cos), round(h * cos + w * sin)
    matrix[:, 2] += (new_w - w) / 2, (new_h - h) / 2
    result = cv2.warpAffine(image, matrix, (new_w, new_h), borderValue=fill, flags=cv2.INTER_LINEAR)
    return cut_out(result) if image.ndim == 2 else result
