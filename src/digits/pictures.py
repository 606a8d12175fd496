"""One's own handwriting to a 28x28 image like MNIST's, so that the network can read it.

The network has seen nothing but MNIST: light ink on black, 20 pixels high, centred by mass. Each
function here undoes one difference between a photo and that.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from src.errors import InputError

MAX_PIXELS = 64_000_000  # of a picture: a small file can unpack to more than the memory holds
WORKING_SIDE = 400  # pixels of the longer side that everything here works on; 20 are needed
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


def find_ink(grey: np.ndarray) -> np.ndarray:
    """Grey values (H, W) in [0, 1] to ink (H, W) in [0, 1]: 0 = paper, 1 = a firm stroke.

    Under a lamp no single grey value parts paper from ink, but paper's brightness is smooth:
    a + bx + cy + dx^2 + exy + fy^2, fitted by least squares, first to the border and then again and
    again to all that agrees with the fit but for noise. What does not is ink, darker than the paper
    or lighter, whichever is more. Raises InputError if nothing stands out.
    """
    y, x = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    coarse_terms, coarse_grey = terms[::3, ::3], grey[::3, ::3]  # paper is smooth
    paper = np.abs(coarse_terms[..., 1:3]).max(axis=-1) > 0.93  # the border
    for _ in range(8):
        surface, *_ = np.linalg.lstsq(coarse_terms[paper], coarse_grey[paper], rcond=None)
        off = coarse_grey - coarse_terms @ surface
        noise = 1.48 * float(np.median(np.abs(off[paper]))) + 1 / 255  # as a standard deviation
        paper = np.abs(off) < 3 * noise
    off = grey - terms @ surface
    off *= np.sign(np.sum(off**3))
    strongest = float(np.quantile(off, max(0, 1 - 30 / off.size)))  # no speck's
    if strongest < max(0.05, 5 * noise):
        raise InputError("nothing is written on it")
    threshold = max(0.1 * strongest, 3 * noise)
    return ((off - threshold) / max(0.8 * strongest - threshold, 0.2 * strongest)).clip(0, 1)


def keep_large_parts(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) without specks: connected parts below a twentieth of the largest one's area go.

    On a grid of 150x150 at most, neighbours hand the higher number on until each part has one.
    """
    step = -(-max(ink.shape) // 150)
    coarse = np.maximum.reduceat(ink, range(0, ink.shape[0], step), axis=0)
    coarse = np.maximum.reduceat(coarse, range(0, ink.shape[1], step), axis=1)
    part = np.pad(coarse > 0, 1).astype(int)
    part *= np.arange(part.size).reshape(part.shape)
    before = np.zeros_like(part)
    while (part != before).any():
        before = part.copy()
        for direction, axis in ((-1, 0), (1, 0), (-1, 1), (1, 1)):
            np.maximum(part, np.roll(part, direction, axis), out=part, where=part > 0)
    area = np.bincount(part.ravel(), minlength=part.size)
    area[0] = 0  # not a part: the paper
    large = (area >= 0.05 * area.max())[part][1:-1, 1:-1]
    return ink * large.repeat(step, 0).repeat(step, 1)[: ink.shape[0], : ink.shape[1]]


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


def to_digit(picture: Image.Image) -> np.ndarray:
    """A picture from open_picture to an image (28, 28) uint8, 0 = background, 255 = ink."""
    grey = np.asarray(picture.convert("L"), np.float32) / 255
    return fit(keep_large_parts(find_ink(grey)))
