"""Which strokes make up which digit: parts of ink to digits, in lines, in reading order."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

COST_OF_A_DIGIT = 0.5  # in log p: two digits must be surer than one to be read as two


@dataclass
class Part:
    """Connected ink, or several pieces of it that belong together: their labels and their box."""

    labels: list[int]
    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def joined(self, other: "Part") -> "Part":
        return Part(
            self.labels + other.labels,
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


def gaps(a: Part, b: Part) -> tuple[int, int]:
    """The free space between two boxes, across and down; negative where they overlap."""
    across = max(a.left, b.left) - min(a.right, b.right)
    return across, max(a.top, b.top) - min(a.bottom, b.bottom)


def find_parts(mask: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, list[Part]]:
    """Labels (H, W) of connected ink, and the parts of it that can be writing."""
    height, width = mask.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    total = np.bincount(labels.ravel(), off.ravel(), len(stats))
    strength = total / stats[:, cv2.CC_STAT_AREA]
    edge = max(2, round(0.025 * min(mask.shape)))
    parts: list[Part] = []
    at_edge: list[Part] = []
    for label, (left, top, w, h, area) in enumerate(stats.tolist()):
        if label and max(w, h) >= 0.02 * min(mask.shape) and area > 4:
            part = Part([label], left, top, left + w, top + h)
            cut = min(left, top, width - part.right, height - part.bottom) < edge
            (at_edge if cut else parts).append(part)
    tallest = max((part.height for part in parts), default=0)
    if tallest < 0.08 * height and tallest < 0.2 * max((p.height for p in at_edge), default=0):
        parts += at_edge
    if parts:  # what is much fainter than the most of it is a stain or the back of the sheet
        most = max(parts, key=lambda part: total[part.labels[0]])
        firm = 0.4 * strength[most.labels[0]]
        parts = [part for part in parts if strength[part.labels[0]] > firm]
    return labels, parts


def is_frame(part: Part, others: list[Part]) -> bool:
    """Whether another large part lies inside this one's box: then this one is drawn around it."""
    return any(
        part.left < other.left < other.right < part.right
        and part.top < other.top < other.bottom < part.bottom
        and other.height > 0.35 * part.height
        for other in others
    )


def group(parts: list[Part]) -> list[Part]:
    """Pieces to digits: what is much smaller than the tallest joins what is near, or goes."""
    parts = [part for part in parts if not is_frame(part, parts)]
    tallest = max(max(part.height, part.width / 2) for part in parts)
    small = [part for part in parts if part.height < 0.45 * tallest]
    cores = [part for part in parts if part not in small] or [max(parts, key=lambda p: p.width)]
    digits = list(cores)
    for piece in small:
        size = max(piece.height, piece.width)
        near = [max(*gaps(piece, core)) for core in cores]
        best = int(np.argmin(near))
        if size > 0.08 * tallest and near[best] < max(0.2 * size, 0.08 * tallest):
            digits[best] = digits[best].joined(piece)
    together: list[Part] = []
    for digit in sorted(digits, key=lambda part: -part.height):
        for number, other in enumerate(together):  # strokes above each other are one digit's
            across, down = gaps(digit, other)
            if -across > 0.4 * min(digit.width, other.width) and down < 0.15 * tallest:
                together[number] = other.joined(digit)
                break
        else:
            together.append(digit)
    return together


def slope(digits: list[Part]) -> float:
    """Degrees by which lines of digits fall to the right: the median way to the next digit."""
    angles = []
    for digit in digits:
        ways = [(b.middle[0] - digit.middle[0], b.middle[1] - digit.middle[1]) for b in digits]
        ways = [(x, y) for x, y in ways if x > abs(y)]
        if ways:
            x, y = min(ways, key=lambda way: math.hypot(*way))
            angles.append(math.degrees(math.atan2(y, x)))
    return float(np.median(angles)) if len(angles) > 2 else 0.0


def reading_order(digits: list[Part]) -> list[list[Part]]:
    """Lines from top to bottom, each from left to right."""
    lines: list[list[Part]] = []
    for digit in sorted(digits, key=lambda part: part.middle[1]):
        for line in lines:
            if any(part.top < digit.middle[1] < part.bottom for part in line):
                line.append(digit)
                break
        else:
            lines.append([digit])
    return [sorted(line, key=lambda part: part.left) for line in lines]


def cut_touching(
    ink: np.ndarray,
    read: Callable[[np.ndarray], np.ndarray],
    fit: Callable[[np.ndarray], np.ndarray],
) -> list[int]:
    """Columns at which to part ink (H, W) that may be several digits; [0, W] if it is one.

    Cuts may lie where the least ink is in their column. Of all ways to choose some of them, the one
    whose pieces the network is surest of together (as LeCun et al., 1998, read cheques): the sum
    of log p over the pieces, each of which costs a little, by dynamic programming.
    """
    height, width = ink.shape
    profile = cv2.blur(ink.sum(axis=0)[None], (max(3, height // 20) | 1, 1))[0]
    reach = max(2, height // 12)
    lowest = cv2.erode(profile[None], np.ones((1, 2 * reach + 1)))[0]
    places = [x for x in range(reach, width - reach) if profile[x] == lowest[x]]
    places = [0, *(x for x, y in zip(places, [*places[1:], width]) if y > x + 1), width]
    pairs = [
        (i, j)
        for j in range(len(places))
        for i in range(j)
        if 0.12 * height < places[j] - places[i] < 1.3 * height
        and (ink[:, places[i] : places[j]] > 0.3).any()
    ]
    if not pairs:
        return [0, width]
    images = np.stack([fit(ink[:, places[i] : places[j]]) for i, j in pairs])
    scores = np.log(read(images).max(axis=1)) - COST_OF_A_DIGIT
    best: list[tuple[float, list[int]]] = [(0.0, [0])] + [(-np.inf, [])] * (len(places) - 1)
    for (i, j), score in zip(pairs, scores.tolist()):  # j rises, so best[i] is final
        if best[i][0] + score > best[j][0]:
            best[j] = best[i][0] + score, [*best[i][1], places[j]]
    return best[-1][1] or [0, width]
