"""One's own handwriting to a 28x28 image like MNIST's, so that the network can read it.

The network has seen nothing but MNIST: light ink on black, 20 pixels high, centred by mass. Each
function here undoes one difference between a photo and that.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps

from src.common.errors import InputError
from src.reading.ink import cut_out_sheet, find_ink, without_rules
from src.reading.strokes import Part, cut_touching, find_parts, group, reading_order, slope

Reader = Callable[[np.ndarray], np.ndarray]
MAX_PIXELS, MAX_SIDE = 64_000_000, 30_000  # a small file can unpack to more than the memory holds
MAX_DIGITS = 60
SLOPE = 6  # degrees from which on a sheet is turned straight; its order of reading needs that
SURE = 0.9  # a probability from which on one answer is taken to be one digit
WORKING_SIDE, SMALL = 800, 250  # pixels: the longer side that everything here works on
FORMATS = ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"]  # not those that Pillow runs a program for
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
ELSEWHERE = {  # first bytes of what people try, and what to do then
    b"%PDF": "a PDF; save the page as a PNG or JPEG and give that",
    b"ftyp": "HEIC or another format of films and phones; save it as a JPEG and give that",
}


@dataclass(frozen=True)
class Digit:
    """One digit on a page: its box in pixels (left, top, right, bottom) and its image (28, 28)."""

    box: tuple[int, int, int, int]
    image: np.ndarray


@dataclass(frozen=True)
class Page:
    """The sheet as it was read (H, W, 3) uint8, its digits in reading order, and what was odd."""

    picture: np.ndarray
    digits: list[Digit]
    remarks: list[str]


def check_file(path: Path) -> None:
    """Raise InputError for what is no ordinary file, which might never end, or is another kind."""
    if path.exists() and not path.is_file():
        raise InputError("not an ordinary file; give a picture")
    with open(path, "rb") as file:
        start = file.read(8)
    for mark, what in ELSEWHERE.items():
        if mark in start:
            raise InputError(what)


def open_picture(source: Path | BinaryIO) -> np.ndarray:
    """A picture as (H, W, 3) uint8, upright, on white where transparent, 800 pixels a side at most.

    Raises InputError, without the path, if it is no sound picture or has over MAX_PIXELS pixels.
    """
    try:
        if isinstance(source, Path):
            check_file(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                    raise Image.DecompressionBombError
                image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # large JPEGs: read a fraction
                few: Image.Image = image
                if max(image.size) > 5 * WORKING_SIDE:  # only some pixels, for memory's sake
                    share = 5 * WORKING_SIDE / max(image.size)
                    size = [max(1, round(share * side)) for side in image.size]
                    few = image.resize(size, Image.Resampling.NEAREST)
                if few.mode in ("L", "RGB", "RGBA"):
                    few.thumbnail((WORKING_SIDE, WORKING_SIDE), reducing_gap=3)
                upright = ImageOps.exif_transpose(few)
            if upright.mode[0] in "IF":  # 16 or 32 bits a pixel, which convert would cut off at 255
                grey = np.nan_to_num(np.asarray(upright, np.float32)).clip(0)
                upright = Image.fromarray((grey * (255 / max(255, grey.max()))).astype(np.uint8))
            colours = upright.convert("RGBA")
    except InputError:
        raise
    except Image.DecompressionBombError:
        most = f"over {MAX_PIXELS:,} pixels, or {MAX_SIDE:,} a side"
        raise InputError(f"has {most}; make it smaller") from None
    except Exception as error:  # damaged bytes make decoders fail in a dozen ways
        reason = f"not a picture that can be read ({', '.join(FORMATS)})"
        raise InputError(getattr(error, "strerror", None) or reason) from error
    colours.thumbnail((WORKING_SIDE, WORKING_SIDE))
    white = Image.new("RGBA", colours.size, "white")
    return np.asarray(Image.alpha_composite(white, colours).convert("RGB"))


def fit(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) in [0, 1] to an image (28, 28) uint8, made as MNIST's were (LeCun et al., 1998).

    The ink's bounding box is scaled to fit 20x20, its proportions kept, and put where its centre of
    mass lies on row and column 14, as nearly as whole pixels allow.
    """
    strong = ink > 0.3  # not the soft edge, nor the halo that a JPEG leaves
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    size = [max(1, round(20 * side / max(box.shape))) for side in box.shape]
    scaled = Image.fromarray(box.astype(np.float32)).resize(size[::-1], Image.Resampling.LANCZOS)
    small = np.asarray(scaled).clip(0, None)
    small = small / small.max()  # MNIST's images all reach 255; a thin pen's would not
    result = np.zeros((28, 28), np.uint8)
    result[: size[0], : size[1]] = np.rint(255 * small)
    for axis, side in enumerate(size):
        centre = result.sum(axis=1 - axis) @ np.arange(28) / result.sum()
        result = np.roll(result, min(max(round(14 - centre), 0), 28 - side), axis)
    return result


def ink_of(off: np.ndarray, labels: np.ndarray, part: Part) -> np.ndarray:
    """The ink of one part alone, in [0, 1], 1 where its pen was firm; its box and 3 pixels more."""
    rows = slice(max(0, part.top - 3), part.bottom + 3)
    columns = slice(max(0, part.left - 3), part.right + 3)
    mask = np.isin(labels[rows, columns], part.labels).astype(np.uint8)
    soft = off[rows, columns] * cv2.dilate(mask, np.ones((3, 3), np.uint8))
    firm = float(np.quantile(soft[mask > 0], 0.9))
    return ((soft / firm - 0.2) / 0.6).clip(0, 1)


def digits_of(ink: np.ndarray, part: Part, read: Reader | None, others: int) -> list[Digit]:
    """The ink of one part as a digit, or as several that touch.

    others: the height of the page's other digits, 0 if there are none; touching is seldom alone.
    """
    wide, cuts = part.width / max(part.height, 0.8 * others), [0, ink.shape[1]]
    doubtful = 0.8 if others else 1.2
    if read and (wide > 1.7 or (wide > doubtful and read(fit(ink)[None]).max() < SURE)):
        cuts = cut_touching(ink, read, fit)
    left = max(0, part.left - 3)
    return [
        Digit((left + a, part.top, left + b, part.bottom), fit(ink[:, a:b]))
        for a, b in pairwise(cuts)
    ]


def turned(page: np.ndarray, degrees: float) -> np.ndarray:
    """The page (H, W, 3) turned anticlockwise, on a canvas that holds it, its edges continued."""
    old = np.array(page.shape[1::-1])
    matrix = cv2.getRotationMatrix2D((old / 2).tolist(), degrees, 1)
    new = np.rint(np.abs(matrix[:, :2]) @ old).astype(int)
    matrix[:, 2] += (new - old) / 2
    return cv2.warpAffine(page, matrix, new.tolist(), borderMode=cv2.BORDER_REPLICATE)


def find_groups(page: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Part]]:
    """Strength and labels (H, W) of the ink on a page (H, W, 3), and its digits as parts."""
    off, mask = find_ink(page)
    labels, parts = find_parts(without_rules(mask), off)
    if not parts:
        raise InputError("nothing is written on it")
    return off, labels, group(parts)


def find_digits(picture: np.ndarray, read: Reader | None = None) -> Page:
    """Every digit on a picture (H, W, 3) uint8, as the network wants it.

    Where two digits may touch, `read`, images (N, 28, 28) to probabilities (N, 10), decides where
    to part them; without it they stay together. Raises InputError if there are none, or over 60.
    """
    page = cut_out_sheet(picture)
    if max(page.shape[:2]) < SMALL:
        more = SMALL / max(page.shape[:2])
        page = cv2.resize(page, None, fx=more, fy=more, interpolation=cv2.INTER_CUBIC)
    off, labels, groups = find_groups(page)
    if abs(slope(groups)) > SLOPE:
        page = turned(page, slope(groups))
        off, labels, groups = find_groups(page)
    tallest = max(part.height for part in groups) if len(groups) > 1 else 0
    digits = [
        digit
        for line in reading_order(groups)
        for part in line
        for digit in digits_of(ink_of(off, labels, part), part, read, tallest)
    ]
    if len(digits) > MAX_DIGITS:
        raise InputError(f"over {MAX_DIGITS} digits, or none; take a picture of a part of it")
    height, width = off.shape
    cut = any(min(d.box[0], d.box[1], width - d.box[2], height - d.box[3]) <= 1 for d in digits)
    return Page(page, digits, ["touches the edge, so part of it may be missing"] if cut else [])
