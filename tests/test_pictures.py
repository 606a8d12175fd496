"""Pictures of digits come out as MNIST's images would: formats, paper, pen, place."""

import io
import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from src.common.errors import InputError
from src.digits.data import EMBEDDED, Data, load_data
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading.ink import sheet_of_paper, without_rules
from src.reading.pictures import Page, find_digits, fit, open_pages
from src.reading.strokes import Reader
from src.runs.config import Config
from src.utils import scale
from tests.training import run_of

POINT = "1 mark beside the digits (a minus, a point?) left out"


@pytest.fixture(scope="module")
def mnist() -> Data:
    return load_data(EMBEDDED)


@pytest.fixture(scope="module")
def network(mnist: Data) -> NeuralNetwork:
    some = Data("some", mnist.images[:20_000], mnist.labels[:20_000], *[np.empty(0, int)] * 2)
    return run_of(Config(epochs=4), some).network


def rendered(digit: int) -> Image.Image:
    """A dark blue digit in the upper left of a nearly white page."""
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    image = Image.new("RGB", (300, 300), (245, 240, 235))
    pen = ImageFont.truetype(font, 120)
    ImageDraw.Draw(image).text((50, 25), str(digit), font=pen, fill=(30, 30, 90))
    return image


def open_picture(source: object) -> np.ndarray:
    """The first page."""
    return next(open_pages(source))[0]  # type: ignore[arg-type]


def even(images: np.ndarray) -> np.ndarray:
    """A reader that is fairly sure of anything, so that only shapes decide."""
    return np.tile([0.91, *[0.01] * 9], (len(images), 1))


def page_of(picture: np.ndarray, read: Reader = even) -> Page:
    return find_digits(picture, max(picture.shape), read)


def to_digit(picture: np.ndarray) -> np.ndarray:
    """The one digit that is on the picture, (28, 28)."""
    (digit,) = page_of(picture).digits
    return digit.image


def turned_over(image: Image.Image) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image))


def shaded(image: Image.Image) -> Image.Image:
    """A lamp on the right, darker corners, and a camera's noise."""
    height, width = image.height, image.width
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 0.75 + 0.2 * x - 0.1 * y - 0.08 * (x * x + y * y)
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    return Image.fromarray((np.asarray(image) * light[..., None] + noise).clip(0, 255).astype("u1"))


def through_file(image: Image.Image, kind: str = "PNG", **options: object) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return open_picture(file)


def transparent(image: Image.Image) -> Image.Image:
    """The ink alone, black, on black that is transparent."""
    ink = Image.fromarray(255 - np.asarray(image.convert("L"))).point(lambda v: 255 * (v > 99))
    return Image.merge("RGBA", [Image.new("L", image.size)] * 3 + [ink])


VARIANTS = {
    "as it is": lambda image: through_file(image),
    "jpeg": lambda image: through_file(image, "JPEG", quality=60),
    "bmp": lambda image: through_file(image, "BMP"),
    "grey": lambda image: through_file(image.convert("L")),
    "16 bits": lambda image: through_file(
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    ),
    "bilevel": lambda image: through_file(image.convert("1")),
    "palette": lambda image: through_file(image.convert("P")),
    "transparent": lambda image: through_file(transparent(image)),
    "light on dark": lambda image: through_file(turned_over(image)),
    "shaded": lambda image: through_file(shaded(image), "JPEG"),
    "shaded, light on dark": lambda image: through_file(turned_over(shaded(image)), "JPEG"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_digit_is_seen_the_same_however_its_picture_is_stored_or_lit(variant: str) -> None:
    for digit in (2, 5, 7):
        plain = to_digit(through_file(rendered(digit))).astype(float)
        seen = to_digit(VARIANTS[variant](rendered(digit))).astype(float)
        shifts = [np.roll(seen, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        assert max(np.corrcoef(plain.ravel(), image.ravel())[0, 1] for image in shifts) > 0.93


def test_exif_rotation_is_undone() -> None:
    image = rendered(7)
    exif = Image.Exif()
    exif[274] = 6  # turn by 90 degrees clockwise to show
    lying = through_file(image.transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert np.array_equal(lying, through_file(image))


def drawn_on_a_page(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An MNIST image (28, 28), dark on light, enlarged, somewhere on a page, through a JPEG."""
    side = int(rng.integers(100, 400))
    width, height = map(int, rng.integers(side + 20, 900, 2))
    page = Image.new("L", (width, height), 255)
    digit = Image.fromarray(255 - image).resize((side, side), Image.Resampling.BICUBIC)
    page.paste(digit, (int(rng.integers(width - side)), int(rng.integers(height - side))))
    return through_file(page, "JPEG")


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_drawn_mnist_digit_is_read_as_well_as_the_original(
    count: int, mnist: Data, network: NeuralNetwork
) -> None:
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


# ------------------------------------------------------------------------- step by step


def test_fit_leaves_mnist_images_as_they_are(mnist: Data) -> None:
    """But for those of thin strokes."""
    same = [np.corrcoef(fit(i / 255).ravel(), i.ravel())[0, 1] for i in mnist.test_images[:50]]
    assert np.median(same) > 0.98 and min(same) > 0.7


@pytest.mark.parametrize("shape", [(1, 1), (3, 300), (300, 3), (700, 500), (20, 20)])
def test_fit_keeps_proportions_and_fills_20_pixels(shape: tuple[int, int]) -> None:
    image = fit(np.pad(np.ones(shape), 5))
    rows, columns = image.any(axis=1).sum(), image.any(axis=0).sum()
    assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() == 255
    assert max(rows, columns) == 20
    for pixels, side in zip((rows, columns), shape):  # a thin stroke is thickened
        assert pixels == pytest.approx(max(2, round(20 * side / max(shape))), abs=1)


def test_fit_puts_the_centre_of_mass_in_the_middle() -> None:
    ink = np.zeros((90, 200))
    ink[10:80, 30:40] = ink[70:80, 30:90] = 1  # an L: its mass is at the lower left
    image = fit(ink).astype(float)
    places = np.arange(28)
    assert abs(image.sum(axis=1) @ places / image.sum() - 14) <= 0.5
    assert abs(image.sum(axis=0) @ places / image.sum() - 14) <= 0.5


def grey(light: np.ndarray) -> np.ndarray:
    """Brightness (H, W) in [0, 1] as a picture (H, W, 3) uint8."""
    return np.rint(255 * light).astype(np.uint8)[..., None].repeat(3, axis=2)


def test_rules_are_taken_out_and_strokes_across_them_are_not_cut() -> None:
    mask = np.zeros((400, 600), np.uint8)
    mask[50::60] = mask[51::60] = 1
    stroke = np.zeros_like(mask)
    stroke[80:300, 300:320] = 1
    assert np.array_equal(without_rules(mask | stroke), stroke)
    assert np.array_equal(without_rules(stroke), stroke)


def test_a_sheet_on_a_dark_table_is_found_and_a_lit_half_is_not_taken_for_one() -> None:
    table = np.full((600, 800), 0.25)
    table[100:500, 200:600] = 0.95
    table[200:300, 380:400] = 0.1
    rows, columns = np.nonzero(sheet_of_paper(grey(table)))
    ends = (rows.min(), rows.max(), columns.min(), columns.max())
    assert ends == pytest.approx((100, 500, 200, 600), abs=30)
    half = np.full((600, 800), 0.95)
    half[:, 400:] = 0.5
    half[200:300, 180:200] = 0.1
    assert sheet_of_paper(grey(half)).all()


def test_boxes_and_grids_are_taken_out_and_no_dots_stay_at_their_crossings() -> None:
    digit = np.zeros((400, 600), np.uint8)
    digit[130:250, 170:185] = digit[130:145, 170:220] = 1
    grid = np.zeros_like(digit)
    grid[20::60] = grid[21::60] = grid[:, 40::60] = grid[:, 41::60] = 1
    box = np.zeros_like(digit)
    box[100:280, 140:260] = 1
    box[103:277, 143:257] = 0
    for lines in (grid, box):
        rest = without_rules(digit | lines)
        assert (rest & ~digit).sum() < 40 and rest.sum() > 0.9 * digit.sum()
    assert np.array_equal(without_rules(digit), digit)


def test_specks_are_dropped_and_strokes_of_one_digit_are_kept_together() -> None:
    light = np.full((400, 300), 0.95)
    light[100:300, 100:120] = 0.1
    light[100:120, 130:200] = 0.1  # like the bar of a 5 that does not touch it
    light[30:35, 30:35] = light[370:373, 260:263] = 0.1
    (digit,) = page_of(grey(light)).digits
    assert digit.box == pytest.approx((100, 100, 200, 300), abs=4)


def test_digits_come_in_reading_order_line_by_line() -> None:
    light = np.full((400, 500), 0.95)
    corners = [(60, 60), (50, 200), (70, 350), (250, 60), (240, 210)]  # top, left
    for top, left in corners:
        light[top : top + 90, left : left + 20] = 0.1
        light[top : top + 20, left : left + 60] = 0.1
    boxes = [digit.box for digit in page_of(grey(light)).digits]
    assert [(top, left) for left, top, _, _ in boxes] == [
        pytest.approx(corner, abs=4) for corner in corners
    ]


def test_touching_digits_are_parted_where_the_reader_is_surest() -> None:
    light = np.full((200, 400), 0.95)
    for left in (100, 170):  # two rings, joined by a stroke
        light[60:140, left : left + 60] = 0.1
        light[80:120, left + 20 : left + 40] = 0.95
    light[90:110, 155:175] = 0.1

    def read(images: np.ndarray) -> np.ndarray:  # sure of what is upright, like one ring
        wide = images.any(axis=1).sum(axis=1) > 17
        sure = np.where(wide, 0.2, 0.99)
        return np.column_stack([sure, *[(1 - sure) / 9] * 9])

    left, right = page_of(grey(light), read).digits
    assert left.box[2] == pytest.approx(165, abs=12) and right.box[0] == left.box[2]


def test_a_dash_is_no_digit() -> None:
    light = np.full((300, 400), 0.95)
    light[140:150, 100:300] = 0.1
    with pytest.raises(InputError, match="no digits"):
        page_of(grey(light))


def test_a_stroke_along_the_edge_is_said() -> None:
    light = np.full((300, 400), 0.95)
    light[100:190, 150:165] = light[100:115, 150:210] = 0.1
    light[:, :6] = 0.1
    page = page_of(grey(light))
    assert len(page.digits) == 1 and "whole edge" in page.remarks[0]


def seven(light: np.ndarray, top: int, left: int, height: int = 90) -> None:
    """Draw an angle, dark, in place."""
    light[top : top + height, left : left + 15] = light[top : top + 15, left : left + 60] = 0.1


def test_lines_that_are_close_are_two_lines() -> None:
    light = np.full((300, 400), 0.95)
    for top, left in ((40, 50), (40, 200), (140, 60), (140, 210)):
        seven(light, top, left)
    assert [len(line) for line in page_of(grey(light)).lines] == [2, 2]


def test_what_is_no_digit_is_said_and_kept_as_a_mark() -> None:
    light = np.full((300, 500), 0.95)
    for left in (100, 220):
        seven(light, 100, left)
    light[180:190, 190:200] = 0.1  # a decimal point
    light[0:12, 300:330] = 0.1  # of the row above
    page = page_of(grey(light))
    assert len(page.digits) == 2 and len(page.marks) == 2
    assert page.remarks == ["1 mark at the edge left out", POINT]


def test_digits_at_the_edge_are_read() -> None:
    light = np.full((120, 400), 0.95)
    for top, left in ((30, 60), (30, 180), (15, 340)):
        seven(light, top, left)
    page = page_of(grey(light))
    assert len(page.digits) == 3 and "touches the edge" in page.remarks[0]


def test_a_doubtful_digit_is_read_as_the_others_on_its_page_are() -> None:
    light = np.full((200, 700), 0.95)
    for left in range(50, 650, 100):
        seven(light, 60, left)

    def read(images: np.ndarray) -> np.ndarray:  # five sevens, and one that may be a 1
        p = np.full((len(images), 10), 1e-3)
        p[:, 7] = 0.99
        p[images.sum(axis=(1, 2)).argmax()] = [1e-3, 0.55, *[1e-3] * 5, 0.45, 1e-3, 1e-3]
        return p

    light[75:150, 65:75] = 0.1  # a thicker one
    answers = [int(digit.probabilities.argmax()) for digit in page_of(grey(light), read).digits]
    assert answers == [7] * 6


def test_thin_strokes_are_thickened_to_those_of_mnist() -> None:
    ink = np.zeros((200, 200))
    ink[20:180, 100:103] = 1
    image = fit(ink)
    assert 1.8 <= (image[14] / 255).sum() <= 3


def test_all_pages_are_read_and_light_ink_on_transparency(tmp_path: Path) -> None:
    pages = [rendered(digit).convert("L") for digit in (2, 5, 7)]
    for name in ("pages.tif", "pages.gif", "pages.webp", "pages.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        assert len(list(open_pages(tmp_path / name))) == 3
    light = transparent(rendered(2))
    white = Image.merge("RGBA", [Image.new("L", light.size, 255)] * 3 + [light.getchannel("A")])
    assert np.array_equal(to_digit(through_file(white)), to_digit(through_file(light)))


def test_a_float_picture_from_0_to_1() -> None:
    values = np.asarray(rendered(7).convert("L"))
    unit = Image.fromarray(values.astype(np.float32) / 255)
    assert np.abs(through_file(unit, "TIFF") - through_file(Image.fromarray(values))).max() <= 1


# -------------------------------------------------------------------------- bad pictures


@pytest.mark.parametrize("colour", ["white", "black", "grey", (0, 0, 0, 0)])
def test_an_empty_picture_is_refused(colour: object) -> None:
    for size in ((1, 1), (1, 500), (28, 28), (900, 600)):
        with pytest.raises(InputError, match="nothing is written"):
            to_digit(through_file(Image.new("RGBA", size, colour)))  # type: ignore[arg-type]


def test_a_page_of_noise_is_empty() -> None:
    noise = np.random.default_rng(0).normal(200, 6, (400, 400)).clip(0, 255).astype(np.uint8)
    with pytest.raises(InputError, match="nothing is written"):
        to_digit(through_file(shaded(Image.fromarray(noise).convert("RGB"))))


def test_a_picture_too_large_to_unpack_is_refused_before_it_is(tmp_path: Path) -> None:
    header = io.BytesIO()
    Image.new("1", (1, 1)).save(header, "BMP")
    data = bytearray(header.getvalue())
    data[18:26] = np.array([9000, 9000], "<i4").tobytes()  # width and height
    (tmp_path / "bomb.bmp").write_bytes(data)
    with pytest.raises(InputError, match=r"over 64,000,000 pixels"):
        open_picture(tmp_path / "bomb.bmp")
    data[18:26] = np.array([1, 60_000_000], "<i4").tobytes()
    (tmp_path / "bomb.bmp").write_bytes(data)
    with pytest.raises(InputError, match=r"30,000 a side"):
        open_picture(tmp_path / "bomb.bmp")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    good = io.BytesIO()
    rendered(3).save(good, "PNG")
    damaged = {
        "text.png": b"hello",
        "a.pdf": b"%PDF-1.7",
        "empty.png": b"",
        "cut.png": good.getvalue()[:400],
    }
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"not a picture .* as a PNG or JPEG"):
            open_picture(tmp_path / name)
    with pytest.raises(InputError, match="No such file"):
        open_picture(tmp_path / "missing.png")
    with pytest.raises(InputError, match="not an ordinary file"):
        open_picture(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="not an ordinary file"):
        open_picture(tmp_path / "pipe.png")


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
