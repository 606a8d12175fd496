"""Ink in a photo, told from paper, light, table and rules; and a digit's ink as MNIST has it.

The network has seen nothing but MNIST: light ink on black, 20 pixels high, centred by mass.
"""

import cv2
import numpy as np

from src.common.errors import InputError
from src.reading import tuned


def sheet_of_paper(colours: np.ndarray) -> np.ndarray:
    """Where the paper is, (H, W) of 0 and 1, if it lies on something darker; else 1 everywhere.

    A sheet is the largest bright area, if it is a rectangle with something dark on it that reaches
    no more than one side of the picture: what a shadow leaves in the light reaches two.
    """
    everywhere = np.ones(colours.shape[:2], np.uint8)
    if min(colours.shape[:2]) < 40:
        return everywhere  # an icon
    grey = cv2.resize(colours, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).min(axis=2)
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))  # no grain of wood
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return everywhere
    outline = max(outlines, key=cv2.contourArea)
    left, top, width, height = cv2.boundingRect(outline)
    right, bottom = grey.shape[1] - left - width, grey.shape[0] - top - height
    sides = sum(distance <= 2 for distance in (left, top, right, bottom))
    rectangle = np.prod(cv2.minAreaRect(outline)[1])
    if sides > 1 or cv2.contourArea(outline) < max(0.85 * rectangle, 0.1 * grey.size):
        return everywhere
    inside = cv2.fillConvexPoly(np.zeros_like(grey), cv2.convexHull(outline), 1)
    inner = cv2.erode(inside, np.ones((9, 9), np.uint8), borderValue=0)
    dark = 1 - bright[inner > 0].mean() if inner.any() else 0
    if not 0 < dark < 0.4 or np.median(grey[inner > 0]) < 1.25 * np.median(grey[inside == 0]):
        return everywhere
    return cv2.resize(inner, colours.shape[1::-1], interpolation=cv2.INTER_NEAREST)


def is_dark(colours: np.ndarray) -> bool:
    """Whether the ink is darker than its surroundings, most of which are paper: their median."""
    small = colours
    if min(colours.shape[:2]) > 80:  # enough to judge by, and a median takes long
        small = cv2.resize(colours, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    around = cv2.medianBlur(small, round(0.4 * min(small.shape[:2])) | 1)
    inner = tuple(slice(side // 12, side - side // 12) for side in small.shape[:2])  # no title bar
    return float(np.sum((small.astype(np.float32) - around)[inner] ** 3)) <= 0


def find_ink(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 to its ink's strength and where there is any at all, both (H, W).

    The paper is a morphological closing, the brightest value around each pixel, then the darkest of
    those: edges of shadows stay where they are. (Light ink: the other way round.) The strength is
    the share of the paper's light that is missing, over the channels as the ink's own colour weighs
    them, because yellow is only in blue. Raises InputError if nothing stands out.
    """
    soft, sheet = cv2.GaussianBlur(colours, (0, 0), 1.0), sheet_of_paper(colours)
    dark_ink = is_dark(soft) or not sheet.all()
    side = max(3, round(tuned.WINDOW * min(colours.shape[:2]))) | 1
    edge = side // 2 + 1  # beyond its edge the picture goes on as it ends
    wide = cv2.copyMakeBorder(cv2.medianBlur(soft, 5), edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    how = cv2.MORPH_CLOSE if dark_ink else cv2.MORPH_OPEN
    paper = cv2.morphologyEx(wide, how, np.ones((side, side), np.uint8))[edge:-edge, edge:-edge]
    paper = cv2.blur(paper, (5, 5)).astype(np.float32)
    off = (paper - soft) / (paper + 16) if dark_ink else (soft - paper) / 255
    off[sheet == 0] = 0
    off -= np.quantile(off[::3, ::3].reshape(-1, 3), 0.25, axis=0)  # half may be ink
    size = np.abs(off).sum(axis=2)
    strong = off[size >= np.quantile(size[::3, ::3], 0.98)].mean(axis=0).clip(0)
    off = off @ (strong / max(float(np.linalg.norm(strong)), 1e-6))
    noise = float(np.diff(np.quantile(off[::3, ::3], (0.05, 0.25)))[0]) + 1 / 255
    strongest = float(np.quantile(off, max(0, 1 - 30 / off.size)))  # no speck's
    if strongest < max(tuned.FAINT, 5 * noise):
        raise InputError("nothing is written on it")
    return off, (off > max(tuned.INK * strongest, 4 * noise)).astype(np.uint8)


def level_lines(mask: np.ndarray) -> np.ndarray:
    """Straight, nearly level lines, (H, W) of 0 and 1: of rules, grids, creases and boxes.

    Both ends of such a line meet an upright one or the picture's edge; a stroke has a free end.
    """
    length = max(30, round(tuned.LINE * max(mask.shape)))
    level, upright = (
        cv2.morphologyEx(cv2.dilate(mask, np.ones(soft, np.uint8)), cv2.MORPH_OPEN, np.ones(long))
        for soft, long in (((3, 1), (1, length)), ((1, 3), (length, 1)))
    )
    ends = cv2.dilate(upright, np.ones((7, 7), np.uint8))
    ends[:, :8] = ends[:, -8:] = 1
    _, labels, stats, _ = cv2.connectedComponentsWithStats(level)
    keep = np.zeros(len(stats), np.uint8)
    for label, (left, top, width, height, _) in enumerate(stats.tolist()[1:], 1):
        box = slice(top, top + height), slice(left, left + width)
        meets = (ends[box] & (labels[box] == label)).any(axis=0)
        keep[label] = meets[:5].any() and meets[-5:].any()
    return keep[labels]


def without_rules(mask: np.ndarray) -> np.ndarray:
    """The mask (H, W) without rules, margins, creases, grids, and the walls of boxes.

    A stroke that crosses a line is thicker there than the line, so it is left uncut.
    """
    if min(mask.shape) < 100:
        return mask  # too small to tell a rule from a stroke
    rest, limit = mask, max(6, round(tuned.THIN * max(mask.shape)))  # pixels, of a line
    for page in (mask, np.ascontiguousarray(mask.T)):  # level lines, then upright ones
        lines = level_lines(page)
        thick = cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((limit + 1, 1), np.uint8))
        rest = np.ascontiguousarray((rest & (thick | 1 - lines)).T)
    return rest if rest.any() else mask  # one straight stroke was all


def cropped(ink: np.ndarray) -> np.ndarray:
    """The rows and columns from the first to the last with firm ink: no soft edge, no halo."""
    firm = ink > 0.3 * ink.max()
    rows, columns = (np.flatnonzero(firm.any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def resized(ink: np.ndarray, longer_side: int) -> np.ndarray:
    """Ink (H, W) with this many pixels along its longer side, its proportions kept."""
    size = [max(1, round(longer_side * side / max(ink.shape))) for side in ink.shape]
    how = cv2.INTER_AREA if max(ink.shape) > longer_side else cv2.INTER_CUBIC
    return cv2.resize(ink, size[::-1], interpolation=how)


def thickened(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W), 80 pixels for MNIST's 20, with strokes at least as thick as MNIST's thinner ones.

    A stroke's width is about its area by half of its outline's length.
    """
    mask = ink > 0.5
    outline = sum(np.count_nonzero(mask[1:] != mask[:-1]) for mask in (mask, mask.T)) * np.pi / 4
    missing = max(0, round(4 * tuned.STROKE - 2 * float(ink.sum()) / max(outline, 1)))
    return cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1)))


def fit(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) in [0, 1] to an image (28, 28) uint8, made as MNIST's were (LeCun et al., 1998).

    The ink's bounding box is scaled to fit 20x20, its proportions kept, and put where its centre of
    mass lies on row and column 14, as nearly as whole pixels allow. Thin strokes are thickened.
    """
    large = resized(cropped(ink).astype(np.float32), 80)
    small = resized(cropped(thickened(np.pad(large, 8))), 20)
    height, width = small.shape
    image = np.zeros((28, 28), np.uint8)  # MNIST's images all reach 255; a thin pen's would not
    image[:height, :width] = np.rint(255 / small.max() * small.clip(0))
    for axis, side in enumerate(small.shape):
        centre = image.sum(axis=1 - axis) @ np.arange(28) / image.sum()
        image = np.roll(image, min(max(round(14 - centre), 0), 28 - side), axis)
    return image
