"""Your own handwriting to 28x28 images like MNIST's, so that the network can read it.

The network has seen nothing but MNIST: light ink on black, 20 pixels high, centred by mass. Each
function here undoes one difference between a photo and that.
"""

import re
import sys
import warnings
from collections.abc import Iterator
from itertools import compress, count
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps, ImageSequence

from src.common.errors import InputError, one_line
from src.reading import tuned
from src.reading.ink import find_ink, without_rules
from src.reading.strokes import Digit, Part, Reader, read_parts, typical

MAX_PIXELS, MAX_SIDE = 64_000_000, 30_000  # a small file can unpack to more than the memory holds
MAX_PARTS = 1000
WORKING_SIDE, SMALL = 800, 250  # pixels: the longer side that everything here works on
FORMATS = ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"]  # not those that Pillow runs a program for
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp")
OTHERS = (".heic", ".heif", ".avif", ".pdf")  # which end in a line that says what to do


class Page(NamedTuple):
    """A page as it was read (H, W, 3) uint8, its digits line by line, the boxes of the marks that
    were left out, and what is to be said of it."""

    picture: np.ndarray
    scale: float  # pixels of the file for one of `picture`
    lines: list[list[Digit]]
    marks: list[tuple[int, ...]]
    remarks: list[str]

    @property
    def digits(self) -> list[Digit]:
        """In reading order."""
        return [digit for line in self.lines for digit in line]


def prepared(image: Image.Image) -> tuple[np.ndarray, int]:
    """A frame as (H, W, 3) uint8, upright, WORKING_SIDE a side at most.

    What is transparent is made white, or black if what is visible is light ink.
    """
    longer_side, image = max(image.size), ImageOps.exif_transpose(image)
    image.thumbnail((4000, 4000), Image.Resampling.NEAREST)  # fewer pixels, for memory's sake
    if image.mode[0] in "IF":  # 16 or 32 bits a pixel, which convert would cut off at 255
        grey = np.nan_to_num(np.asarray(image, np.float32))
        grey -= min(0, grey.min())
        most = 1 if image.mode == "F" and grey.max() <= 1 else max(255, grey.max())
        image = Image.fromarray((grey * (255 / most)).astype(np.uint8))
    colours = image.convert("RGBA")
    colours.thumbnail((WORKING_SIDE, WORKING_SIDE), reducing_gap=3)
    alpha = np.asarray(colours)[..., 3]
    light = alpha.mean() < 128 and np.asarray(colours.convert("L"))[alpha > 127].mean() > 127
    ground = Image.new("RGBA", colours.size, "black" if light else "white")
    return np.asarray(Image.alpha_composite(ground, colours).convert("RGB")), longer_side


def open_pages(source: Path | BinaryIO) -> Iterator[tuple[np.ndarray, int]]:
    """Every page or frame of a file as (H, W, 3) uint8, upright, 800 pixels a side at most.

    Raises InputError, without the path, if it is no sound picture or has over MAX_PIXELS pixels.
    """
    try:
        if isinstance(source, Path) and source.exists() and not source.is_file():
            raise InputError("not an ordinary file; give a picture")  # it might never end
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                    raise Image.DecompressionBombError
                if image.format in ("JPEG", "MPO"):  # a phone's second frame is no picture
                    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # reads a fraction
                    yield prepared(image)
                    return
                for frame in ImageSequence.Iterator(image):
                    yield prepared(frame)
    except InputError:
        raise
    except Image.DecompressionBombError:
        most = f"over {MAX_PIXELS:,} pixels, or {MAX_SIDE:,} a side"
        raise InputError(f"has {most}; make it smaller") from None
    except Exception as error:  # damaged bytes make decoders fail in a dozen ways
        reason = f"not a picture that can be read ({', '.join(FORMATS)}); save it as a PNG or JPEG"
        raise InputError(getattr(error, "strerror", None) or reason) from error


def cropped(ink: np.ndarray) -> np.ndarray:
    """The rows and columns from the first to the last with firm ink: no soft edge, no halo."""
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def thickened(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W), 80 pixels for MNIST's 20, with strokes at least as thick as MNIST's thinner ones.

    A stroke's width is about its area by half of its outline's length.
    """
    mask = ink > 0.5
    outline = sum(np.count_nonzero(mask[1:] != mask[:-1]) for mask in (mask, mask.T)) * np.pi / 4
    missing = round(4 * tuned.STROKE - 2 * float(ink.sum()) / max(outline, 1))
    if missing <= 0:
        return ink
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1))
    return cv2.dilate(ink, pen)


def fit(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) in [0, 1] to an image (28, 28) uint8, made as MNIST's were (LeCun et al., 1998).

    The ink's bounding box is scaled to fit 20x20, its proportions kept, and put where its centre of
    mass lies on row and column 14, as nearly as whole pixels allow. Thin strokes are thickened.
    """
    box = cropped(ink).astype(np.float32)
    size = [max(1, round(80 * side / max(box.shape))) for side in box.shape]
    how = cv2.INTER_AREA if max(box.shape) > 80 else cv2.INTER_CUBIC
    large = cv2.resize(box, size[::-1], interpolation=how)
    large = cropped(thickened(np.pad(large, 8)))
    size = [max(1, round(20 * side / max(large.shape))) for side in large.shape]
    scaled = Image.fromarray(large).resize(size[::-1], Image.Resampling.LANCZOS)
    small = np.asarray(scaled).clip(0, None)
    result = np.zeros((28, 28), np.uint8)  # MNIST's images all reach 255; a thin pen's would not
    result[: size[0], : size[1]] = np.rint(255 / small.max() * small)
    for axis, side in enumerate(size):
        centre = result.sum(axis=1 - axis) @ np.arange(28) / result.sum()
        result = np.roll(result, min(max(round(14 - centre), 0), 28 - side), axis)
    return result


def find_parts(off: np.ndarray, mask: np.ndarray) -> tuple[list[Part], list[Part]]:
    """Connected ink that may be writing, and what is too faint, too thick or too thin for that."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    speck = tuned.SPECK * min(mask.shape)
    parts, measured = [], []
    for label, (left, top, width, height, area) in enumerate(stats.tolist()[1:], 1):
        if max(width, height) < speck / 2 or area <= 4:
            continue  # of dust
        x, y = max(0, left - 1), max(0, top - 1)
        box = slice(y, top + height + 1), slice(x, left + width + 1)
        own = labels[box] == label
        soft = off[box] * cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8))
        darkest = float(np.quantile(soft[own], 0.9))
        ink = ((soft / darkest - 0.2) / 0.6).clip(0, 1).astype(np.float32)
        right, bottom = mask.shape[1] - left - width, mask.shape[0] - top - height
        at_edge = min(left, top, right, bottom) <= 1
        parts.append(Part(x, y, x + ink.shape[1], y + ink.shape[0], ink, at_edge))
        measured.append((area, off[box][own].mean(), inside[box][own].max(), at_edge, height))
    if not parts:
        raise InputError("nothing is written on it")
    area, strength, thick, edge, tall = np.array(measured).T
    inner = (edge == 0) | edge.all()
    most = int(np.where(inner, area * strength, 0).argmax())
    firm = strength > tuned.FAINTER * strength[most]
    pen = np.median(thick[inner & firm & (tall > 0.3 * tall[most])])
    large = np.array([max(part.width, part.height) - 2 >= speck for part in parts])
    thickest = np.where(edge, *reversed(tuned.THICKER)) * pen
    writing = firm & large & (tuned.THINNER * pen < thick) & (thick < thickest)
    others = ~writing & (firm | large) & writing.any()  # a faint speck is the paper's
    return list(compress(parts, writing | ~writing.any())), list(compress(parts, others))


def has_border(page: np.ndarray) -> bool:
    """Whether one of the page's four edges differs from what is beside it, all along."""
    edges = [np.rot90(cv2.medianBlur(page, 3), turns).astype(int) for turns in range(4)]
    steps = [np.abs(turned[0] - turned[len(turned) // 20]).max(axis=1) for turned in edges]
    return any(np.mean(step > 40) > 0.9 for step in steps)


def find_digits(picture: np.ndarray, longer_side: int, read: Reader) -> Page:
    """Every digit on a picture (H, W, 3) uint8, as the network wants it.

    `read`, images (N, 28, 28) to probabilities (N, 10), decides which strokes are one digit. Raises
    InputError if there are none.
    """
    more = max(1, SMALL / max(picture.shape[:2]))
    page = cv2.resize(picture, None, fx=more, fy=more, interpolation=cv2.INTER_CUBIC)
    off, mask = find_ink(page)
    parts, others = find_parts(off, without_rules(mask))
    if len(parts) > MAX_PARTS:
        raise InputError(f"over {MAX_PARTS} strokes; take a picture of a part of it")
    lines, marks = read_parts(parts, read, fit)
    if not lines:
        raise InputError("no digits are on it")
    marks = [mark for mark in [*others, *marks] if mark.size > 0.08 * typical(parts)]
    edge = sum(mark.at_edge for mark in marks)
    counts = {"at the edge": edge, "beside the digits (a minus, a point?)": len(marks) - edge}
    touching = any(digit.part.at_edge for line in lines for digit in line)
    remarks = ["touches the edge, so part of it may be missing"] * touching
    remarks += ["what lies along a whole edge was left out"] * has_border(page)
    remarks += [f"{n} mark{'s' * (n > 1)} {where} left out" for where, n in counts.items() if n]
    scale = longer_side / max(page.shape[:2])
    return Page(page, scale, lines, [mark[:4] for mark in marks], remarks)


def read_pages(path: Path, read: Reader) -> Iterator[tuple[int, Page | InputError]]:
    """Each page of a file by its number, from 1, or why it cannot be read."""
    pages = open_pages(path)
    for number in count(1):
        try:
            yield number, find_digits(*next(pages), read)
        except StopIteration:
            return
        except InputError as error:
            yield number, error


def pictures_in(paths: list[Path]) -> list[Path]:
    """The paths, each folder replaced by the pictures in it, 2 before 10; names what it skips."""
    found = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            listed = [file for file in path.iterdir() if not file.name.startswith(".")]
            listed.sort(key=lambda f: re.sub("[0-9]+", lambda n: n[0].zfill(20), f.name))
            inside = [file for file in listed if file.suffix.lower() in (*SUFFIXES, *OTHERS)]
            if not inside:
                raise InputError(f"{path}: no pictures in this folder ({', '.join(SUFFIXES)})")
            if others := [file.name for file in listed if file not in inside]:
                print(one_line(f"{path}: no pictures: {', '.join(others)}"), file=sys.stderr)
        found += inside
    return found
