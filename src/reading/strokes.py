"""Which strokes make up which digit: the network decides between competing readings."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from src.reading import tuned
from src.reading.ink import fit

Reader = Callable[[np.ndarray], np.ndarray]  # images (N, 28, 28) uint8 to probabilities (N, 10)


class Part(NamedTuple):
    """Ink that belongs together, (H, W) in [0, 1], and its box on the page."""

    left: int
    top: int
    right: int
    bottom: int
    ink: np.ndarray
    at_edge: bool  # of the picture, so that some of it may be missing
    cut: bool = False  # from what is to the left of it

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def size(self) -> float:
        return max(self.height, self.width / 2)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


class Digit(NamedTuple):
    """One digit on a page: its ink, its image (28, 28) uint8, and its probabilities (10,)."""

    part: Part
    image: np.ndarray
    probabilities: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom, in pixels of the page."""
        return self.part[:4]


class Reading(NamedTuple):
    """One way to read parts: its cost, its digits, and what is none."""

    cost: float
    digits: list[Digit]
    marks: list[Part]


def joined(parts: list[Part]) -> Part:
    """Several parts as one."""
    left, top = min(part.left for part in parts), min(part.top for part in parts)
    right, bottom = max(part.right for part in parts), max(part.bottom for part in parts)
    ink = np.zeros((bottom - top, right - left), np.float32)
    for part in parts:
        area = ink[part.top - top : part.bottom - top, part.left - left : part.right - left]
        np.maximum(area, part.ink, out=area)
    return Part(left, top, right, bottom, ink, any(p.at_edge for p in parts), parts[0].cut)


def gap(a: Part, b: Part) -> int:
    """The free space between two boxes, across or down; 0 where they overlap."""
    across = max(a.left, b.left) - min(a.right, b.right)
    return max(across, max(a.top, b.top) - min(a.bottom, b.bottom), 0)


def typical(parts: list[Part]) -> float:
    """The height of a digit: 60 % of the written area belongs to parts that are no larger."""
    by_size = sorted(parts, key=lambda part: part.size)
    areas = np.cumsum([part.width * part.height for part in by_size])
    return by_size[int(np.searchsorted(areas, 0.6 * areas[-1]))].size


def lines_of(parts: list[Part], size: float) -> tuple[list[list[Part]], list[Part]]:
    """Parts to lines, top to bottom, each from left to right; and pieces far from all of them.

    A whole digit continues the line whose last digit is about as high on the page; a piece belongs
    to the line of the nearest whole digit.
    """
    lines: list[list[Part]] = []
    strays: list[Part] = []
    for part in sorted(parts, key=lambda part: part.left):
        if part.size >= tuned.WHOLE * size:
            away = [abs(line[-1].middle - part.middle) for line in lines]
            if min(away, default=size) < tuned.SAME_LINE * size:
                lines[int(np.argmin(away))].append(part)
            else:
                lines.append([part])
    lines.sort(key=lambda line: float(np.mean([part.middle for part in line])))
    for part in parts:
        if part.size < tuned.WHOLE * size:
            near = [min(gap(part, other) for other in line) for line in lines]
            (lines[int(np.argmin(near))] if min(near) < tuned.WHOLE * size else strays).append(part)
    return [sorted(line, key=lambda part: (part.left, part.right)) for line in lines], strays


def cut(part: Part, size: float) -> list[Part]:
    """A part cut at the columns with the least ink around, where digits may touch."""
    reach = max(2, round(size / 12))
    profile = cv2.blur(part.ink.sum(axis=0)[None], (max(3, round(size / 20)) | 1, 1))[0]
    lowest = cv2.erode(profile[None], np.ones((1, 2 * reach + 1)))[0]
    places = [x for x in range(reach, part.width - reach) if profile[x] == lowest[x]]
    places = [x for x, after in zip(places, [*places[1:], part.width]) if after > x + 1]
    pieces = []
    for a, b in pairwise([0, *places, part.width]):
        rows = np.flatnonzero((part.ink[:, a:b] > 0.3).any(axis=1))
        if len(rows):
            top, bottom = part.top + int(rows[0]), part.top + int(rows[-1]) + 1
            ink = part.ink[rows[0] : rows[-1] + 1, a:b]
            pieces.append(Part(part.left + a, top, part.left + b, bottom, ink, part.at_edge, a > 0))
    return pieces


def read_digits(wholes: list[Part], read: Reader) -> list[Digit]:
    """What the network makes of each, if it is one digit."""
    images = np.stack([fit(whole.ink) for whole in wholes])
    return [Digit(*row) for row in zip(wholes, images, read(images))]


def cost_of(digit: Digit, run: list[Part], size: float) -> float:
    """What speaks against these parts being that digit: -log p, its shape, and its gaps."""
    whole = digit.part
    cost = tuned.A_DIGIT + tuned.A_CUT * whole.cut - float(np.log(digit.probabilities.max()))
    unusual = abs(float(np.log(whole.size / size)))
    cost += tuned.UNUSUAL[1] * max(0, unusual - tuned.UNUSUAL[0])
    cost += tuned.BROAD[1] * max(0, whole.width / size - tuned.BROAD[0])
    cost += tuned.FLAT[1] * max(0, whole.width / whole.height - tuned.FLAT[0])
    for a, b in pairwise(run):
        if not b.cut:
            both = min(a.height, b.height) > 0.7 * size
            cost += tuned.A_GAP * gap(a, b) / size + tuned.TWO_WHOLE * both
    edge = sum(part.at_edge for part in run)
    return cost + tuned.AT_EDGE * edge * (edge < len(run))


def read_line(parts: list[Part], size: float, read: Reader) -> Reading:
    """The best reading of one line, of parts in order from left to right.

    Each run of parts may be one digit, and each part no digit at all. Of all ways to divide the
    line, the one with the least cost: -log p of the digits that the network sees, and what speaks
    against their shapes (recognition-based segmentation; LeCun, Bottou, Bengio & Haffner, 1998,
    section V), by dynamic programming.
    """
    atoms: list[Part] = []
    for part in parts:
        wide = part.width > tuned.WIDE * max(part.height, 0.8 * size)
        atoms += cut(part, size) if wide else [part]
    best = [Reading(0.0, [], [])]  # of the first 0, 1, 2, ... atoms
    for end, atom in enumerate(atoms, 1):
        cost, digits, marks = best[-1]
        cost += tuned.LEFT_OUT[atom.at_edge] * min(1.0, atom.size / size)
        options = [Reading(cost, digits, [*marks, atom])]
        runs = [atoms[first:end] for first in range(max(0, end - 6), end)]
        for run, digit in zip(runs, read_digits([joined(run) for run in runs], read)):
            cost, digits, marks = best[end - len(run)]
            cost += cost_of(digit, run, size)
            options.append(Reading(cost, [*digits, digit], marks))
        best.append(min(options, key=lambda option: option.cost))
    return best[-1]


def apply_prior(lines: list[list[Digit]]) -> None:
    """Multiply each digit's probabilities, in place, by how often each class is among the others.

    A table of one class is read better so, and a page of all classes no worse. To the count of each
    class a few are added (Laplace's rule of succession).
    """
    rows = [digit.probabilities for line in lines for digit in line]
    total = tuned.OTHERS + np.sum(rows, axis=0)
    for row in rows:
        row *= total - row
        row /= row.sum()


def read_parts(parts: list[Part], read: Reader) -> tuple[list[list[Digit]], list[Part]]:
    """The digits of a page, line by line, and the parts that are none.

    Or one digit whose strokes are broken, if that costs less.
    """
    size = typical(parts)
    lines, marks = lines_of(parts, size)
    readings = [read_line(line, max(0.75 * size, typical(line)), read) for line in lines]
    digits = [reading.digits for reading in readings if reading.digits]
    marks += [mark for reading in readings for mark in reading.marks]
    whole = joined(parts)
    reach = round(0.15 * whole.height) | 1
    near = cv2.dilate((whole.ink > 0.3).astype(np.uint8), np.ones((reach, reach), np.uint8))
    compact = whole.width < 1.4 * whole.height and cv2.connectedComponents(near)[0] == 2
    if len(parts) < 12 and compact:
        [one] = read_digits([whole], read)
        cost = tuned.A_DIGIT * sum(map(len, digits)) - float(np.log(one.probabilities.max()))
        if cost < sum(reading.cost for reading in readings):
            return [[one]], []
    apply_prior(digits)
    return digits, marks
