"""Files of pictures, and the pages in them, read digit by digit."""

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

MAX_PIXELS = 64_000_000  # a small file can unpack to more than the memory holds
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses over twice as many
MAX_PARTS = 1000
WORKING_SIDE, SMALL = 800, 250  # pixels: the longer side that everything here works on
FORMATS = ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"]  # not those that Pillow runs a program for
UNREAD = {".heic", ".heif", ".avif", ".pdf"}  # pictures that end in a line that says what to do


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
    if isinstance(source, Path) and source.exists() and not source.is_file():
        raise InputError("not an ordinary file; give a picture")  # it might never end
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as image:
                if image.format in ("JPEG", "MPO"):  # a phone's second frame is no picture
                    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # reads a fraction
                    yield prepared(image)
                    return
                for frame in ImageSequence.Iterator(image):
                    yield prepared(frame)
    except Image.DecompressionBombError:
        raise InputError(f"has over {MAX_PIXELS:,} pixels; make it smaller") from None
    except Exception as error:  # damaged bytes make decoders fail in a dozen ways
        reason = f"not a picture that can be read ({', '.join(FORMATS)}); save it as a PNG or JPEG"
        raise InputError(getattr(error, "strerror", None) or reason) from error


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
        large = max(width, height) >= speck
        measured.append((area, off[box][own].mean(), inside[box][own].max(), height, large))
    if not parts:
        raise InputError("nothing is written on it")
    area, strength, thick, tall, large = np.array(measured).T
    main = int((area * strength).argmax())
    firm = strength > tuned.FAINTER * strength[main]
    pen = np.median(thick[firm & (tall > 0.3 * tall[main])])
    writing = firm & (large > 0) & (tuned.THINNER * pen < thick) & (thick < tuned.THICKER * pen)
    others = ~writing & (firm | (large > 0)) & writing.any()  # a faint speck is the paper's
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
    lines, marks = read_parts(parts, read)
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
            extensions = Image.registered_extensions()
            known = {name for name, kind in extensions.items() if kind in FORMATS} | UNREAD
            inside = [file for file in listed if file.suffix.lower() in known]
            if not inside:
                raise InputError(f"{path}: no pictures in this folder ({', '.join(FORMATS)})")
            if others := [file.name for file in listed if file not in inside]:
                print(
                    one_line(f"{path}: skipped, no pictures: {', '.join(others)}"), file=sys.stderr
                )
        found += inside
    return found
