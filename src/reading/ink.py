"""Where ink is in a photo: told from paper, light, table, rules and creases, as a scanner does."""

import cv2
import numpy as np

from src.common.errors import InputError

FAINT = 0.05  # less than this share of the paper's light taken away is no ink
LONG = 0.3  # of the picture's shorter side: a straight thin line from here on may be a rule


def cut_out_sheet(colours: np.ndarray) -> np.ndarray:
    """The sheet of paper alone, straight, if it lies on something darker; else the picture itself.

    A sheet is the largest bright area, if it has four corners, two or more of them inside the
    picture (where the edge of a shadow has none), and something dark is on it.
    """
    if min(colours.shape[:2]) < 40:
        return colours  # an icon
    grey = cv2.resize(colours, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).min(axis=2)
    grey = cv2.blur(grey, (3, 3))
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))  # no grain of wood
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return colours
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    if cv2.contourArea(outline) < 0.93 * cv2.contourArea(hull):
        return colours
    corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True).reshape(-1, 2)
    size = np.array(grey.shape[::-1])
    at_edge = ((corners <= 2) | (corners >= size - 3)).any(axis=1)
    if len(corners) != 4 or cv2.contourArea(corners) < 0.1 * grey.size or at_edge.sum() > 2:
        return colours
    inside = cv2.fillConvexPoly(np.zeros_like(grey), corners, 1)
    inner = cv2.erode(inside, np.ones((9, 9), np.uint8), borderValue=0) > 0
    if not inner.any() or not 0.6 < bright[inner].mean() < 1:
        return colours
    if np.median(grey[inner]) < 1.25 * np.median(grey[inside == 0]):
        return colours
    angles = np.arctan2(*(corners - corners.mean(axis=0)).T[::-1])
    corners = 4 * corners[np.argsort(angles)].astype(np.float32)  # from the upper left, clockwise
    along, down = (
        round(float(np.linalg.norm(corners[a] - corners[b]))) for a, b in ((0, 1), (1, 2))
    )
    edge = 0.02 * min(along, down)  # of the sheet, cut off
    target = np.array([[0, 0], [along, 0], [along, down], [0, down]], np.float32) - edge
    matrix = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    flat = (round(along - 2 * edge), round(down - 2 * edge))
    return cv2.warpPerspective(colours, matrix, flat, borderMode=cv2.BORDER_REPLICATE)


def is_dark(colours: np.ndarray) -> bool:
    """Whether the ink is darker than its surroundings, most of which are paper: their median."""
    small = colours
    if min(colours.shape[:2]) > 80:  # enough to judge by, and a median takes long
        small = cv2.resize(colours, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    around = cv2.medianBlur(small, round(0.4 * min(small.shape[:2])) | 1)
    return float(np.sum((small.astype(np.float32) - around) ** 3)) <= 0


def paper_colour(colours: np.ndarray, dark_ink: bool) -> np.ndarray:
    """What each pixel (H, W, 3) would be without ink, from what surrounds it.

    A morphological closing: the brightest value around each pixel, then the darkest of those. What
    is darker and narrower than the window vanishes; edges of shadows and tables stay where they
    are. Light ink on a dark board: the other way round. Beyond its edge the picture goes on as it
    ends, so that a table or a thumb there is as wide as need be.
    """
    side = max(3, round(0.25 * min(colours.shape[:2]))) | 1
    edge = side // 2 + 1
    wide = cv2.copyMakeBorder(colours, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    how = cv2.MORPH_CLOSE if dark_ink else cv2.MORPH_OPEN
    found = cv2.morphologyEx(wide, how, np.ones((side, side), np.uint8))
    return cv2.blur(found[edge:-edge, edge:-edge], (5, 5))


def find_ink(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 to its ink's strength and where there is any at all, both (H, W).

    The strength is the share of the paper's light that is missing; the channels are added up as the
    ink's own colour weighs them, because yellow is only in blue. Raises InputError if nothing
    stands out.
    """
    soft = cv2.GaussianBlur(colours, (0, 0), 1.0)
    dark_ink = is_dark(soft)
    paper = paper_colour(cv2.medianBlur(soft, 5), dark_ink).astype(np.float32)
    off = (paper - soft) / (paper + 16) if dark_ink else (soft - paper) / 255
    off -= np.quantile(off[::3, ::3].reshape(-1, 3), 0.25, axis=0)  # half may be ink
    size = np.abs(off).sum(axis=2)
    strong = off[size >= np.quantile(size[::3, ::3], 0.98)].mean(axis=0).clip(0)
    off = off @ (strong / max(float(np.linalg.norm(strong)), 1e-6))
    noise = float(np.diff(np.quantile(off[::3, ::3], (0.05, 0.25)))[0]) + 1 / 255
    strongest = float(np.quantile(off, max(0, 1 - 30 / off.size)))  # no speck's
    if strongest < max(FAINT, 5 * noise):
        raise InputError("nothing is written on it")
    mask = off > max(0.15 * strongest, 4 * noise)
    return off, mask.astype(np.uint8)


def straight_lines(thin: np.ndarray, mask: np.ndarray, axis: int) -> np.ndarray:
    """Pixels (H, W) on straight lines of thin ink that run nearly from edge to edge."""
    height, width = thin.shape
    length = round(LONG * min(height, width))
    found = cv2.HoughLinesP(thin, 1, np.pi / 720, length // 2, None, length, length // 2)
    wide = cv2.dilate(mask, np.ones((9, 9), np.uint8))  # a page is never quite flat
    canvas = np.zeros_like(thin)
    for line in [] if found is None else found.reshape(-1, 2, 2).astype(float):
        middle, run = line.mean(axis=0), line[1] - line[0]  # (x, y) each
        if abs(run[axis]) <= abs(run[1 - axis]):
            continue
        steps = np.linspace(-1, 1, 401)[:, None] * max(height, width) / np.abs(run).max()
        points = np.rint(middle + steps * run).astype(int)
        points = points[((points >= 0) & (points < (width, height))).all(axis=1)]
        if wide[points[:, 1], points[:, 0]].mean() > 0.8:
            start, end = np.rint([middle - 1.5 * run, middle + 1.5 * run]).astype(int).tolist()
            cv2.line(canvas, start, end, 1, 5)
    return canvas


def without_rules(mask: np.ndarray) -> np.ndarray:
    """The mask (H, W) without rules, margins and creases: thin lines from edge to edge.

    A stroke that crosses a line is thicker there than the line, so it is left uncut.
    """
    if min(mask.shape) < 100:
        return mask  # too small to tell a rule from a stroke
    rest, limit = mask.copy(), max(6, round(0.012 * max(mask.shape)))  # pixels, of a line
    for axis, size in enumerate([(limit + 1, 1), (1, limit + 1)]):  # lines across, lines down
        thin = mask & (1 - cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones(size, np.uint8)))
        rest &= ~(straight_lines(thin, mask, axis) & thin)
    _, _, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    if len(stats) == 1:
        return mask  # one straight stroke was all
    largest = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()]
    span = max(largest[[cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]] / mask.shape)
    cropped = span > 0.9 and rest.mean() > 0.12  # then strokes themselves run from edge to edge
    return mask if cropped else rest
