"""Warping: a new picture from an old one, by saying for each pixel where in the old one to look."""

import numpy as np

SIDE = 28
CENTRE = (SIDE - 1) / 2
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32)  # each pixel's own place: no distortion

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
