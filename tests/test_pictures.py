"""Pictures of digits come out as MNIST's images would: formats, paper, pen, place."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from src.common.errors import InputError
from src.digits.data import EMBEDDED, Data, load_data
from src.digits.preprocessing import PREPROCESSING
from src.reading.ink import fit
from src.reading.pictures import Page, find_digits, open_pages
from src.reading.strokes import Reader
from src.runs.config import Config
from src.utils import scale
from tests.training import run_of


def rendered(digit: int) -> Image.Image:
    """A dark blue digit in the upper left of a nearly white page."""
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    image = Image.new("RGB", (300, 300), (245, 240, 235))
    pen = ImageFont.truetype(font, 120)
    ImageDraw.Draw(image).text((50, 25), str(digit), font=pen, fill=(30, 30, 90))
    return image


def even(images: np.ndarray) -> np.ndarray:
    """A reader that is fairly sure of anything, so that only shapes decide."""
    return np.tile([0.91, *[0.01] * 9], (len(images), 1))


def page_of(picture: np.ndarray, read: Reader = even) -> Page:
    return find_digits(picture, max(picture.shape), read)


def through_file(image: Image.Image, kind: str = "PNG", **options: object) -> np.ndarray:
    """The first page of the image's file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return next(open_pages(file))[0]


# ------------------------------------------------------------------------- files and light


def shaded(image: Image.Image) -> Image.Image:
    """A lamp on the right, darker corners, and a camera's noise."""
    height, width = image.height, image.width
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 0.75 + 0.2 * x - 0.1 * y - 0.08 * (x * x + y * y)
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    return Image.fromarray((np.asarray(image) * light[..., None] + noise).clip(0, 255).astype("u1"))


def transparent(image: Image.Image, ink: int) -> Image.Image:
    """The digit alone, black (0) or white (255), on transparency of the same colour."""
    alpha = ImageOps.invert(image.convert("L")).point(lambda value: 255 * (value > 99))
    return Image.merge("RGBA", [Image.new("L", image.size, ink)] * 3 + [alpha])


def of_numbers(image: Image.Image, dtype: type, most: float) -> Image.Image:
    return Image.fromarray((np.asarray(image.convert("L")) * (most / 255)).astype(dtype))


def lying(image: Image.Image) -> np.ndarray:
    exif = Image.Exif()
    exif[274] = 6  # turn by 90 degrees clockwise to show
    return through_file(image.transpose(Image.Transpose.ROTATE_90), exif=exif)


VARIANTS: dict[str, Callable[[Image.Image], np.ndarray]] = {
    "jpeg": lambda image: through_file(image, "JPEG", quality=60),
    "bmp": lambda image: through_file(image, "BMP"),
    "grey": lambda image: through_file(image.convert("L")),
    "16 bits": lambda image: through_file(of_numbers(image, np.uint16, 65535)),
    "float, 0 to 1": lambda image: through_file(of_numbers(image, np.float32, 1), "TIFF"),
    "bilevel": lambda image: through_file(image.convert("1")),
    "palette": lambda image: through_file(image.convert("P")),
    "dark ink on transparency": lambda image: through_file(transparent(image, 0)),
    "light ink on transparency": lambda image: through_file(transparent(image, 255)),
    "light on dark": lambda image: through_file(ImageOps.invert(image)),
    "shaded": lambda image: through_file(shaded(image), "JPEG"),
    "shaded, light on dark": lambda image: through_file(ImageOps.invert(shaded(image)), "JPEG"),
    "lying": lying,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_digit_is_seen_the_same_however_its_picture_is_stored_or_lit(variant: str) -> None:
    for digit in (2, 5, 7):
        pictures = through_file(rendered(digit)), VARIANTS[variant](rendered(digit))
        (plain,), (seen,) = (page_of(picture).digits for picture in pictures)
        shifts = [np.roll(seen.image, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        alike = [np.corrcoef(plain.image.ravel(), image.ravel())[0, 1] for image in shifts]
        assert max(alike) > 0.93


@pytest.mark.parametrize("suffix", ["tif", "gif", "webp", "png"])
def test_all_pages_are_read(suffix: str, tmp_path: Path) -> None:
    pages = [rendered(digit).convert("L") for digit in (2, 5, 7)]
    path = tmp_path / f"pages.{suffix}"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert len(list(open_pages(path))) == 3


def drawn_on_a_page(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An MNIST image (28, 28), dark on light, enlarged, somewhere on a page, through a JPEG."""
    side = int(rng.integers(100, 400))
    width, height = map(int, rng.integers(side + 20, 900, 2))
    page = Image.new("L", (width, height), 255)
    digit = Image.fromarray(255 - image).resize((side, side), Image.Resampling.BICUBIC)
    page.paste(digit, (int(rng.integers(width - side)), int(rng.integers(height - side))))
    return through_file(page, "JPEG")


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_drawn_mnist_digit_is_read_as_well_as_the_original(count: int) -> None:
    mnist = load_data(EMBEDDED)
    some = Data("some", mnist.images[:20_000], mnist.labels[:20_000], *[np.empty(0, int)] * 2)
    network = run_of(Config(epochs=4), some).network
    rng = np.random.default_rng(0)
    rows = rng.choice(len(mnist.test_images), count, replace=False)
    images, labels = mnist.test_images[rows], mnist.test_labels[rows]

    def answers(picture: np.ndarray) -> list[int]:
        page = page_of(picture, lambda images: network.predict_probabilities(scale(images)))
        return [int(digit.probabilities.argmax()) for digit in page.digits]

    before = np.mean(network.predict(scale(images)) == labels)
    pairs = zip(images, labels)
    after = np.mean([answers(drawn_on_a_page(i, rng)) == [label] for i, label in pairs])
    print(f"{before:.1%} of the originals, {after:.1%} of the drawn ones, {count} each")
    assert after >= before - (0.01 if count >= 1000 else 0.03)


# ------------------------------------------------------------------------- from ink to 28x28


def test_fit_leaves_mnist_images_as_they_are(digits: Data) -> None:
    """But for those of thin strokes."""
    same = [np.corrcoef(fit(i / 255).ravel(), i.ravel())[0, 1] for i in digits.test_images[:50]]
    assert np.median(same) > 0.98 and min(same) > 0.7


@pytest.mark.parametrize("shape", [(1, 1), (3, 300), (300, 3), (700, 500), (20, 20)])
def test_fit_fills_20_pixels_keeps_proportions_and_thickens(shape: tuple[int, int]) -> None:
    image = fit(np.pad(np.ones(shape), 5))
    assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() == 255
    assert max(image.any(axis=1).sum(), image.any(axis=0).sum()) == 20
    for axis, side in enumerate(shape):  # 2.4 pixels: a stroke of MNIST's
        inked = (image / 255).sum(axis=axis).max()
        assert inked == pytest.approx(max(2.4, 20 * side / max(shape)), abs=1)


def test_fit_puts_the_centre_of_mass_in_the_middle() -> None:
    ink = np.zeros((90, 200))
    ink[10:80, 30:40] = ink[70:80, 30:90] = 1  # an L: its mass is at the lower left
    image = fit(ink).astype(float)
    centre = [image.sum(axis=axis) @ np.arange(28) / image.sum() for axis in (0, 1)]
    assert centre == pytest.approx([14, 14], abs=0.5)


# -------------------------------------------------------------------------- bad pictures


@pytest.mark.parametrize("colour", ["white", "black", "grey", (0, 0, 0, 0)])
def test_an_empty_picture_is_refused(colour: str | tuple[int, ...]) -> None:
    pages = [Image.new("RGBA", size, colour) for size in ((1, 1), (1, 500), (28, 28), (900, 600))]
    for page in (*pages, shaded(Image.new("RGB", (400, 400), "lightgrey"))):
        with pytest.raises(InputError, match="nothing is written"):
            page_of(through_file(page))


def bitmap(width: int, height: int) -> bytes:
    """A BMP of one pixel that says it has more."""
    file = io.BytesIO()
    Image.new("1", (1, 1)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = np.array([width, height], "<i4").tobytes()
    return bytes(data)


NO_PICTURE = r"not a picture .* as a PNG or JPEG"
REFUSED = {
    "text.png": (b"hello", NO_PICTURE),
    "empty.png": (b"", NO_PICTURE),
    "cut.bmp": (bitmap(9, 9), NO_PICTURE),
    "large.bmp": (bitmap(9000, 9000), "over 64,000,000 pixels"),
    "missing.png": (None, "No such file"),
    "": (None, "not an ordinary file"),
    "pipe.png": (None, "not an ordinary file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_before_it_is_unpacked(name: str, tmp_path: Path) -> None:
    content, reason = REFUSED[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if name == "pipe.png":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no named pipes here")
        os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=reason):
        next(open_pages(tmp_path / name))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 600), (3000, 1), (28, 28)])
def test_no_mode_or_size_ends_in_a_traceback(mode: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size[::-1]).astype(np.uint8)
    try:
        page = page_of(through_file(Image.fromarray(noise).convert(mode), "TIFF"))
    except InputError:
        return
    for digit in page.digits:
        assert digit.image.shape == (28, 28) and digit.image.max() == 255
        PREPROCESSING["deskew"](digit.image[None])
