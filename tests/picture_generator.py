"""Pictures of handwriting as people take them, made up: strokes or MNIST digits, paper, light.

KINDS maps each kind's name to a function (rng, digit) -> RGB (or RGBA) image: what was tuned on
(TUNED) and what was not (FRESH). SHEETS does so for several digits: (rng, digits) -> RGB image.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from tests import pages
from tests.handwriting import Array, Rng, cut_out, shape, turned


def scene(
    rng: Rng,
    digit: int,
    colour: tuple[float, ...] | None = None,
    base: tuple[float, ...] = (244, 242, 236),
    pen: float | None = None,
    share: tuple[float, float] = (0.35, 0.65),
    under: Callable[[Rng, Array], None] | None = None,
    over: Callable[[Rng, Array], None] | None = None,
    light: float = 0.15,
    gap: float = 0.0,
    turn: float = 0.0,
    **shot: float,
) -> Array:
    """One digit on a page: `under` the ink and `over` it, in a light, through a camera."""
    h, w = pages.page_size(rng)
    page = pages.paper(h, w, base)
    if under:
        under(rng, page)
    alpha = shape(rng, digit, round(min(h, w) * rng.uniform(*share)), pen, gap)
    alpha = turned(alpha, turn)
    pages.write(rng, page, alpha, colour)
    if over:
        over(rng, page)
    return pages.camera(rng, page * pages.lamp(rng, h, w, light), **shot)


def sheet_on_table(rng: Rng, digit: int, table: tuple[float, ...] = (58, 45, 38), grain: float = 0,
                   light: float = 0.15, tilt: float = 6) -> Array:  # fmt: skip
    sheet = pages.paper(*pages.page_size(rng))
    alpha = shape(rng, digit, round(min(sheet.shape[:2]) * rng.uniform(0.35, 0.6)))
    pages.write(rng, sheet, alpha, margin=0.12)
    shown = pages.on_table(rng, sheet, table, grain, tilt)
    return pages.camera(rng, shown * pages.lamp(rng, *shown.shape[:2], light))


def sticky_note(rng: Rng, digit: int) -> Array:
    sheet = pages.paper(360, 360, (250, 232, 120))
    alpha = shape(rng, digit, round(360 * rng.uniform(0.4, 0.65)))
    pages.write(rng, sheet, alpha, margin=0.12)
    page = pages.paper(640, 640)
    top, left = (int(value) for value in rng.integers(40, 240, 2))
    page[top + 5 : top + 365, left + 5 : left + 365] *= 0.8
    page[top : top + 360, left : left + 360] = sheet
    return pages.camera(rng, page * pages.lamp(rng, 640, 640, 0.15))


def transparent(rng: Rng, digit: int) -> Array:
    alpha = np.pad(shape(rng, digit, int(rng.integers(100, 400))), 40)
    colour = np.broadcast_to(np.float32(pages.ink(rng)), (*alpha.shape, 3))
    return np.dstack([colour, 255 * alpha]).astype(np.uint8)


def tiny(rng: Rng, digit: int, inside: int = 20, side: int = 28, enlarge: int = 1) -> Array:
    """side x side pixels, dark on light, like MNIST or scikit-learn's digits; then enlarged."""
    alpha = shape(rng, digit, 200)
    size = [max(1, round(inside * length / max(alpha.shape))) for length in alpha.shape]
    small = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_AREA)
    page = pages.paper(side, side, (255, 255, 255))
    pages.put(page, small, (side - size[0]) // 2, (side - size[1]) // 2, (0, 0, 0))
    return page.astype(np.uint8).repeat(enlarge, 0).repeat(enlarge, 1)


def twelve_megapixels(rng: Rng, digit: int) -> Array:
    small = scene(rng, digit, light=0.3, noise=2)
    size = (4000, 3000) if small.shape[1] > small.shape[0] else (3000, 4000)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


WITH_MARGIN = partial(pages.notebook, margin=True)
DARK_SQUARES = partial(pages.squares, colour=(110, 120, 140), width=2, share=(0.1, 0.16))
Kind = Callable[[Rng, int], Array]
TUNED: dict[str, Kind] = {
    "plain": scene,
    "thin": lambda rng, digit: scene(rng, digit, pen=rng.uniform(0.02, 0.03)),
    "thick": lambda rng, digit: scene(rng, digit, pen=rng.uniform(0.14, 0.18)),
    "blue": partial(scene, colour=(40, 80, 190)),
    "red": partial(scene, colour=(205, 50, 50)),
    "chalk on board": partial(scene, colour=(225, 228, 220), base=(45, 70, 60), noise=6),
    "faint pencil": lambda rng, digit: scene(rng, digit, (178, 178, 182), pen=0.04, noise=3),
    "lamp": partial(scene, light=0.75),
    "squared paper": partial(scene, under=pages.squares),
    "cardboard": partial(scene, base=(176, 140, 102), noise=7),
    "crease": partial(scene, over=pages.crease),
    "dark and noisy": lambda rng, digit: scene(rng, digit, (22, 22, 25), (95, 90, 88), noise=10),
    "small in a corner": lambda rng, digit: scene(rng, digit, share=(0.1, 0.14)),
    "12 megapixels": twelve_megapixels,
    "two separate strokes": lambda rng, digit: scene(
        rng, digit, pen=0.07, gap=rng.uniform(0.09, 0.14)
    ),
    "transparent": transparent,
    "28x28": tiny,
    "8x8 enlarged": partial(tiny, inside=8, side=12, enlarge=20),
    "ruled": partial(scene, under=pages.notebook),
    "pencil, ruled, margin": lambda rng, digit: scene(
        rng, digit, (95, 95, 100), pen=rng.uniform(0.04, 0.06), under=WITH_MARGIN
    ),
    "sheet on a dark table": sheet_on_table,
    "yellow felt-tip": partial(scene, colour=(250, 225, 60)),
    "cropped to the ink": lambda rng, digit: pages.cropped(
        rng, shape(rng, digit, int(rng.integers(60, 400)))
    ),
    "hard shadow edge": partial(scene, over=pages.shadow),
    "thumb in the corner": partial(scene, over=pages.thumb, share=(0.3, 0.5)),
    "print beside": partial(scene, over=pages.print_beside, share=(0.3, 0.5)),
    "rotated by 30 degrees": lambda rng, digit: scene(rng, digit, turn=30 * rng.choice([-1, 1])),
}
FRESH: dict[str, Kind] = {
    "tilted sheet on wood": partial(sheet_on_table, table=(120, 80, 50), grain=4, tilt=14),
    "sheet on a grey desk": partial(sheet_on_table, table=(150, 150, 152), light=0.35),
    "green on pink": partial(scene, colour=(60, 140, 80), base=(238, 190, 196)),
    "holes at the side": partial(scene, over=pages.holes),
    "coffee ring": partial(scene, under=pages.stains),
    "sticky note": sticky_note,
    "out of focus": partial(scene, blur=4),
    "whiteboard, glare": partial(scene, base=(225, 228, 232), over=pages.glare),
    "dotted paper": partial(scene, under=pages.dots),
    "dark screen, toolbar": partial(
        scene, colour=(240, 240, 240), base=(28, 28, 32), over=pages.toolbar
    ),
    "squares, tilted": partial(scene, under=partial(pages.squares, slope=0.17)),
    "back shines through": partial(scene, under=pages.other_side),
    "form field": partial(scene, under=pages.form_field, share=(0.3, 0.5)),
    "shadow on ruled paper": partial(scene, under=pages.notebook, over=pages.shadow),
    "orange crayon": partial(scene, colour=(240, 150, 60), noise=6),
}
KINDS = TUNED | FRESH


# ---------------------------------------------------------------------------- several digits


def line_of(rng: Rng, digits: list[int], height: int, apart: tuple[float, float]) -> Array:
    """Digits side by side, alpha (H, W); a negative distance makes them touch."""
    shapes = [shape(rng, digit, round(height * rng.uniform(0.9, 1.1))) for digit in digits]
    width = sum(alpha.shape[1] + height for alpha in shapes)
    line, left = np.zeros((round(1.6 * height), width), np.float32), 0
    for alpha in shapes:
        top = max(0, round(0.2 * height + rng.normal(0, 0.04) * height))
        part = line[top : top + alpha.shape[0], left : left + alpha.shape[1]]
        np.maximum(part, alpha[: part.shape[0]], out=part)
        left = max(0, left + alpha.shape[1] + round(height * rng.uniform(*apart)))
    return line[:, : int(np.flatnonzero(line.any(axis=0))[-1]) + 1]


def sheet(
    rng: Rng,
    digits: list[int],
    lines: int = 1,
    apart: tuple[float, float] = (0.2, 0.5),
    turn: float = 0,
    under: Callable[[Rng, Array], None] | None = None,
    table: bool = False,
) -> Array:
    """Digits on one page, in this many lines."""
    height = int(rng.integers(70, 110))
    rows = [
        line_of(rng, [int(digit) for digit in part], height, apart)
        for part in np.array_split(digits, lines)
    ]
    width = max(row.shape[1] for row in rows) + 2 * height
    page = pages.paper(round(lines * 1.9 * height) + height, width)
    if under:
        under(rng, page)
    colour = pages.ink(rng)
    for number, row in enumerate(rows):
        pages.put(page, row, round((0.4 + 1.9 * number) * height), height, colour)
    page = turned(page, turn * rng.choice([-1, 1]), (244, 242, 236))
    if table:
        page = pages.on_table(rng, page, (58, 45, 38))
    return pages.camera(rng, page * pages.lamp(rng, *page.shape[:2], 0.2))


def boxes(rng: Rng, digits: list[int], apart: int = 8) -> Array:
    """A form with a box for each digit; `apart` 0 for walls that are shared."""
    page = pages.paper(180, 40 + len(digits) * (120 + apart))
    for number, digit in enumerate(digits):
        left = 20 + number * (120 + apart)
        cv2.rectangle(page, (left, 30), (left + 120, 150), (60, 60, 60), int(rng.integers(2, 5)))
        alpha = shape(rng, digit, int(rng.integers(65, 90)))
        pages.put(
            page, alpha, 90 - alpha.shape[0] // 2, left + 60 - alpha.shape[1] // 2, (30, 30, 40)
        )
    return pages.camera(rng, page, noise=2, blur=0.5)


SHEETS: dict[str, Callable[[Rng, list[int]], Array]] = {
    "one line": sheet,
    "two lines": partial(sheet, lines=2),
    "three lines, ruled": partial(sheet, lines=3, under=pages.notebook),
    "close together": partial(sheet, apart=(0.06, 0.2)),
    "turned by 10 degrees": partial(sheet, lines=2, turn=10),
    "turned by 20 degrees": partial(sheet, lines=2, turn=20),
    "on a dark table": partial(sheet, lines=2, table=True),
    "on squared paper": partial(sheet, lines=2, under=DARK_SQUARES),
    "cropped to the ink": lambda rng, digits: pages.cropped(
        rng, cut_out(line_of(rng, digits, int(rng.integers(70, 110)), (0.2, 0.5)))
    ),
}
HARD: dict[str, Callable[[Rng, list[int]], Array]] = {
    "touching": partial(sheet, apart=(-0.1, 0.02)),
    "a box for each digit": boxes,
    "boxes with shared walls": partial(boxes, apart=0),
}


def picture(kind: str, number: int) -> tuple[Array, int]:
    """The number-th picture of a kind, always the same, and its digit."""
    rng = np.random.default_rng([number, *kind.encode()])
    digit = (4, 5, 7)[number % 3] if kind == "two separate strokes" else number % 10
    return KINDS[kind](rng, digit), digit


def sheet_picture(kind: str, number: int) -> tuple[Array, str]:
    """The number-th sheet of a kind and its digits in reading order, from 2 to 10 of them."""
    rng = np.random.default_rng([number, *kind.encode()])
    make = (SHEETS | HARD)[kind]
    count = int(rng.integers(2, 5)) if kind == "touching" else int(rng.integers(4, 11))
    digits = rng.integers(0, 10, count).tolist()
    return make(rng, digits), "".join(map(str, digits))
