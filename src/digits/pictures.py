"""One's own handwriting to a 28x28 image like MNIST's, so that the network can read it.

The network has seen nothing but MNIST: light ink on black, 20 pixels high, centred by mass. Each
function here undoes one difference between a photo and that.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from src.digits.ink import cut_out_sheet, find_ink, without_rules
from src.digits.strokes import Part, find_parts, group, reading_order
from src.errors import InputError

MAX_PIXELS = 64_000_000  # of a picture: a small file can unpack to more than the memory holds
WORKING_SIDE = 800  # pixels of the longer side that everything here works on; 20 are needed
FORMATS = ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"]  # not those that Pillow runs a program for


def open_picture(path: str | Path) -> Image.Image:
    """A picture file as RGB, upright, on white where it was transparent, 400 pixels a side at most.

    Raises InputError, without the path, if it is no sound picture or has over MAX_PIXELS pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # large JPEGs: read a fraction
                upright = ImageOps.exif_transpose(image)
            if upright.mode[0] in "IF":  # 16 or 32 bits a pixel, which convert would cut off at 255
                grey = np.nan_to_num(np.asarray(upright, np.float32)).clip(0)
                upright = Image.fromarray((grey * (255 / max(255, grey.max()))).astype(np.uint8))
            colours = upright.convert("RGBA")
    except Image.DecompressionBombError:
        raise InputError(f"has over {MAX_PIXELS:,} pixels; make it smaller") from None
    except Exception as error:  # damaged bytes make decoders fail in a dozen ways
        reason = f"not a picture that can be read ({', '.join(FORMATS)})"
        raise InputError(getattr(error, "strerror", None) or reason) from error
    colours.thumbnail((WORKING_SIDE, WORKING_SIDE))
    white = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(white, colours).convert("RGB")


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


@dataclass(frozen=True)
class Digit:
    """One digit on a page: its box in pixels (left, top, right, bottom) and its image (28, 28)."""

    box: tuple[int, int, int, int]
    image: np.ndarray


def find_digits(picture: np.ndarray) -> tuple[np.ndarray, list[list[Digit]]]:
    """The page (H, W, 3) that a picture (H, W, 3) uint8 shows and its lines of digits."""
    page = cut_out_sheet(picture)
    off, mask = find_ink(page)
    mask = without_rules(mask)
    labels, parts = find_parts(mask, off)
    if not parts:
        raise InputError("nothing is written on it")
    lines = reading_order(group(parts))
    return page, [[cut_out(off, labels, part) for part in line] for line in lines]


def cut_out(off: np.ndarray, labels: np.ndarray, part: Part) -> Digit:
    edge = 3
    rows = slice(max(0, part.top - edge), part.bottom + edge)
    columns = slice(max(0, part.left - edge), part.right + edge)
    mask = np.isin(labels[rows, columns], part.labels).astype(np.uint8)
    soft = off[rows, columns] * cv2.dilate(mask, np.ones((3, 3), np.uint8))
    strong = float(np.quantile(soft[mask > 0], 0.9))
    ink = ((soft / strong - 0.2) / 0.6).clip(0, 1)
    return Digit((part.left, part.top, part.right, part.bottom), fit(ink))
