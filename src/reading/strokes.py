"""Which strokes make up which digit: the network decides between competing readings."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from src.reading import tuned

Reader = Callable[[np.ndarray], np.ndarray]  # images (N, 28, 28) uint8 to probabilities (N, 10)
Fit = Callable[[np.ndarray], np.ndarray]  # ink (H, W) to an image (28, 28) uint8


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
    """The height of a digit: what most of the written area agrees on, be there specks beside it."""
    sizes = np.array([part.size for part in parts])
    areas = np.array([part.width * part.height for part in parts])
    alike = (sizes <= 1.05 * sizes[:, None]) & (sizes >= 0.5 * sizes[:, None])
    return float(np.quantile(sizes[alike[(alike @ areas).argmax()]], 0.75, method="nearest"))


def lines_of(parts: list[Part], size: float) -> tuple[list[list[Part]], list[Part]]:
    """Parts to lines, top to bottom, each from left to right; and pieces far from all of them.

    A whole digit continues the line whose last digit is about as high on the page; a piece belongs
    to the line of the nearest whole digit.
    """
    wholes: list[list[Part]] = []
    for part in sorted((p for p in parts if p.size >= tuned.WHOLE * size), key=lambda p: p.left):
        away = [abs(line[-1].middle - part.middle) for line in wholes]
        if away and min(away) < tuned.SAME_LINE * size:
            wholes[int(np.argmin(away))].append(part)
        else:
            wholes.append([part])
    wholes.sort(key=lambda line: float(np.mean([part.middle for part in line])))
    lines = [list(line) for line in wholes]
    strays: list[Part] = []
    for part in parts:
        if part.size < tuned.WHOLE * size:
            near = [min(gap(part, whole) for whole in line) for line in wholes]
            best = int(np.argmin(near))
            (lines[best] if near[best] < tuned.STRAY * size else strays).append(part)
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


def against(run: list[Part], whole: Part, size: float) -> float:
    """What speaks against these parts being one digit, whatever the network makes of it."""
    cost = tuned.A_DIGIT + tuned.A_CUT * whole.cut
    unusual = abs(float(np.log(whole.size / size)))
    cost += tuned.UNUSUAL[1] * max(0, unusual - tuned.UNUSUAL[0])
    cost += tuned.BROAD[1] * max(0, whole.width / size - tuned.BROAD[0])
    cost += tuned.FLAT[1] * max(0, whole.width / whole.height - tuned.FLAT[0])
    for a, b in pairwise(run):
        if not b.cut:
            beside = a.right - b.left < 0.5 * min(a.width, b.width)
            both = min(a.height, b.height) > 0.7 * size and beside
            cost += tuned.A_GAP * gap(a, b) / size + tuned.TWO_WHOLE * both
    edge = sum(part.at_edge for part in run)
    return cost + tuned.AT_EDGE * edge * (edge < len(run))


def read_line(parts: list[Part], size: float, read: Reader, fit: Fit) -> Reading:
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
    runs = []
    for first in range(len(atoms)):
        for last in range(first + 1, min(len(atoms), first + 6) + 1):
            whole = joined(atoms[first:last])
            if last == first + 1 or whole.width < 1.5 * size:
                runs.append((first, last, whole, fit(whole.ink)))
    probabilities = read(np.stack([image for *_, image in runs]))
    best = [Reading(0.0, [], [])]  # of the first 0, 1, 2, ... atoms
    for end, atom in enumerate(atoms, 1):
        cost, digits, marks = best[-1]
        cost += tuned.LEFT_OUT[atom.at_edge] * min(1.0, atom.size / size)
        options = [Reading(cost, digits, [*marks, atom])]
        for (first, last, whole, image), p in zip(runs, probabilities):
            if last == end:
                cost, digits, marks = best[first]
                cost += against(atoms[first:last], whole, size) - float(np.log(p.max()))
                options.append(Reading(cost, [*digits, Digit(whole, image, p)], marks))
        best.append(min(options, key=lambda option: option.cost))
    return best[-1]


def with_prior(lines: list[list[Digit]]) -> list[list[Digit]]:
    """The digits, their probabilities times how often each class is among the page's others.

    A table of one class is read better so, and a page of all classes no worse. To the count of each
    class a few are added (Laplace's rule of succession).
    """
    p = np.array([digit.probabilities for line in lines for digit in line]).reshape(-1, 10)
    p *= tuned.OTHERS + p.sum(axis=0) - p
    rows = iter(p / p.sum(axis=1, keepdims=True))
    return [[digit._replace(probabilities=next(rows)) for digit in line] for line in lines]


def read_parts(parts: list[Part], read: Reader, fit: Fit) -> tuple[list[list[Digit]], list[Part]]:
    """The digits of a page, line by line, and the parts that are none.

    Or one digit whose strokes are broken, if that costs less.
    """
    size = typical(parts)
    lines, strays = lines_of(parts, size)
    readings = [read_line(line, max(0.75 * size, typical(line)), read, fit) for line in lines]
    whole, count = joined(parts), sum(len(reading.digits) for reading in readings)
    reach = round(0.15 * whole.height) | 1
    near = cv2.dilate((whole.ink > 0.3).astype(np.uint8), np.ones((reach, reach), np.uint8))
    compact = whole.width < 1.4 * whole.height and cv2.connectedComponents(near)[0] == 2
    if 1 < len(parts) < 12 and count < 8 and compact:
        image = fit(whole.ink)
        probabilities = read(image[None])[0]
        if tuned.A_DIGIT * count - float(np.log(probabilities.max())) < sum(
            reading.cost for reading in readings
        ):
            return [[Digit(whole, image, probabilities)]], []
    marks = [*strays, *(mark for reading in readings for mark in reading.marks)]
    return with_prior([reading.digits for reading in readings if reading.digits]), marks
