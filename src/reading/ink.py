"""Where ink is in a photo: told from paper, light, table, rules and boxes, as a scanner does."""

import cv2
import numpy as np

from src.common.errors import InputError
from src.reading import tuned


def sheet_of_paper(colours: np.ndarray) -> np.ndarray:
    """Where the paper is, (H, W) of 0 and 1, if it lies on something darker; else 1 everywhere.

    A sheet is the largest bright area, if it has four corners, two or more of them inside the
    picture (where the edge of a shadow has none), and something dark is on it.
    """
    everywhere = np.ones(colours.shape[:2], np.uint8)
    if min(colours.shape[:2]) < 40:
        return everywhere  # an icon
    grey = cv2.resize(colours, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).min(axis=2)
    grey = cv2.blur(grey, (3, 3))
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))  # no grain of wood
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea, default=None)
    if outline is None:
        return everywhere
    hull = cv2.convexHull(outline)
    corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True).reshape(-1, 2)
    at_edge = ((corners <= 2) | (corners >= np.array(grey.shape[::-1]) - 3)).any(axis=1)
    solid = cv2.contourArea(outline) >= max(0.93 * cv2.contourArea(hull), 0.1 * grey.size)
    if not solid or len(corners) != 4 or at_edge.sum() > 2:
        return everywhere
    inside = cv2.fillConvexPoly(np.zeros_like(grey), corners, 1)
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


def missing_light(
    soft: np.ndarray, sheet: np.ndarray, dark_ink: bool, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Strength of the ink, (H, W), and where there is any, for strokes narrower than `side` pixels.

    The paper is a morphological closing, the brightest value around each pixel, then the darkest of
    those: edges of shadows stay where they are. (Light ink: the other way round.) The strength is
    the share of the paper's light that is missing, over the channels as the ink's own colour weighs
    them, because yellow is only in blue. Raises InputError if nothing stands out.
    """
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


def find_ink(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 to its ink's strength and where there is any at all, both (H, W).

    Looked for twice: the pen found first says how narrow the window may be. Raises InputError if
    nothing stands out.
    """
    soft, sheet = cv2.GaussianBlur(colours, (0, 0), 1.0), sheet_of_paper(colours)
    dark_ink = is_dark(soft) or not sheet.all()
    widest = max(3, round(tuned.WINDOW * min(colours.shape[:2]))) | 1
    off, mask = missing_light(soft, sheet, dark_ink, widest)
    if min(mask.shape) > 300:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        strength = np.bincount(labels.ravel(), off.ravel()) / stats[:, cv2.CC_STAT_AREA]
        small = stats[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_AREA].max(axis=1) < 0.06 * min(mask.shape)
        strength[small], strength[0] = 0, 0
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        strokes = np.flatnonzero(strength > 0.5 * strength.max())[:40]
        pens = [float(inside[labels == label].max()) for label in strokes.tolist()]
        window = round(tuned.PENS * float(np.median(pens or [widest]))) | 1
        if window < 0.7 * widest:
            off, mask = missing_light(soft, sheet, dark_ink, window)
    return off, mask


def rules(mask: np.ndarray, thin: np.ndarray) -> np.ndarray:
    """Nearly level straight lines from edge to edge, (H, W) of 0 and 1: rules, grids and creases.

    Found by Hough's transform in `thin` ink; all of them are about parallel.
    """
    height, width = mask.shape
    length = round(0.3 * min(height, width))
    found = cv2.HoughLinesP(thin, 1, np.pi / 720, length // 2, None, length, length // 2)
    wide = cv2.dilate(mask, np.ones((7, 7), np.uint8))  # a page is never quite flat
    x = np.linspace(0, width - 1, 401)
    lines = []
    for x1, y1, x2, y2 in np.zeros((0, 4), int) if found is None else found.reshape(-1, 4):
        if abs(x2 - x1) > abs(y2 - y1):
            slope = (y2 - y1) / (x2 - x1)
            y = np.rint(y1 + slope * (x - x1)).astype(int)
            on_page = (y >= 0) & (y < height)
            if wide[y[on_page], np.rint(x[on_page]).astype(int)].mean() > tuned.RULE:
                lines.append((slope, (0, int(y[0])), (width, int(y[-1]))))
    canvas = np.zeros_like(mask)
    for slope, start, end in lines:
        if abs(slope - np.median([line[0] for line in lines])) < 0.05:
            cv2.line(canvas, start, end, 1, 5)
    return canvas


def walls(mask: np.ndarray) -> np.ndarray:
    """Level straight lines, (H, W) of 0 and 1, both of whose ends meet upright ones: of boxes."""
    length = max(30, round(tuned.WALL * max(mask.shape)))
    level, upright = (
        cv2.morphologyEx(cv2.dilate(mask, np.ones(soft, np.uint8)), cv2.MORPH_OPEN, np.ones(long))
        for soft, long in (((3, 1), (1, length)), ((1, 3), (length, 1)))
    )
    near = cv2.dilate(upright, np.ones((7, 7), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(level)
    keep = np.zeros(len(stats), np.uint8)
    for label, (left, top, width, height, _) in enumerate(stats.tolist()[1:], 1):
        box = slice(top, top + height), slice(left, left + width)
        meets = (near[box] & (labels[box] == label)).any(axis=0)
        keep[label] = height < length and meets[:5].any() and meets[-5:].any()
    return keep[labels]


def without_rules(mask: np.ndarray) -> np.ndarray:
    """The mask (H, W) without rules, margins, creases, grids, and the walls of boxes.

    A stroke that crosses a line is thicker there than the line, so it is left uncut.
    """
    if min(mask.shape) < 100:
        return mask  # too small to tell a rule from a stroke
    rest, limit = mask, max(6, round(tuned.THIN * max(mask.shape)))  # pixels, of a line
    boxes = walls(mask), walls(np.ascontiguousarray(mask.T))
    for sides in boxes:  # level lines, then upright ones, as level lines of the page turned over
        thick = cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((limit + 1, 1), np.uint8))
        thin = rest & (1 - thick)
        lines = thin & (rules(rest, thin) | sides)
        rest = np.ascontiguousarray((rest & (1 - lines)).T)
    _, _, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    if len(stats) == 1:
        return mask  # one straight stroke was all
    largest = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()]
    span = max(largest[[cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]] / mask.shape)
    cropped = span > 0.9 and rest.mean() > 0.12  # then strokes themselves run from edge to edge
    return mask if cropped else rest
