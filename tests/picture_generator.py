"""Pictures of handwriting as people take them, made up: strokes or MNIST digits, paper, light.

KINDS maps each kind's name to a function (rng, digit) -> RGB (or RGBA) image: what was tuned on
(TUNED) and what was not (FRESH). SHEETS does so for several digits: (rng, digits) -> RGB image.
A digit is drawn either by the handwriting model below or taken from MNIST's test images.
"""

from collections.abc import Callable
from functools import cache, partial

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.digits.data import EMBEDDED, load_data

Rng = np.random.Generator
Array = np.ndarray

# Each digit's strokes as points (x, y), y downwards, in a box of 0.6 x 1, one list a way to write
# it; a smooth curve runs through them.
STROKES: dict[int, list[list[list[tuple[float, float]]]]] = {
    0: [[[(0.32, 0.0), (0.1, 0.2), (0.03, 0.5), (0.1, 0.82), (0.3, 1.0), (0.5, 0.8), (0.57, 0.5),
          (0.5, 0.18), (0.3, 0.0)]]],
    1: [[[(0.3, 0.0), (0.3, 0.5), (0.3, 1.0)]],
        [[(0.12, 0.2), (0.22, 0.12), (0.32, 0.0)], [(0.32, 0.0), (0.32, 0.5), (0.31, 1.0)]]],
    2: [[[(0.06, 0.24), (0.16, 0.05), (0.34, 0.0), (0.5, 0.12), (0.48, 0.36), (0.3, 0.64),
          (0.05, 0.98)], [(0.05, 0.98), (0.3, 0.97), (0.58, 0.96)]]],
    3: [[[(0.08, 0.12), (0.28, 0.0), (0.48, 0.1), (0.46, 0.34), (0.26, 0.46), (0.24, 0.47)],
         [(0.24, 0.47), (0.46, 0.54), (0.54, 0.74), (0.42, 0.95), (0.2, 1.0), (0.04, 0.88)]]],
    4: [[[(0.18, 0.04), (0.1, 0.34), (0.05, 0.58)], [(0.05, 0.58), (0.3, 0.6), (0.58, 0.57)],
         [(0.43, 0.02), (0.42, 0.5), (0.41, 1.0)]],
        [[(0.4, 0.0), (0.22, 0.3), (0.03, 0.64)], [(0.03, 0.64), (0.3, 0.65), (0.6, 0.63)],
         [(0.42, 0.0), (0.42, 0.5), (0.42, 1.0)]]],
    5: [[[(0.14, 0.03), (0.12, 0.2), (0.1, 0.44)], [(0.1, 0.44), (0.3, 0.38), (0.5, 0.5),
         (0.53, 0.74), (0.38, 0.96), (0.18, 1.0), (0.03, 0.9)],
         [(0.14, 0.03), (0.32, 0.03), (0.54, 0.01)]]],
    6: [[[(0.44, 0.0), (0.22, 0.2), (0.08, 0.5), (0.06, 0.78), (0.22, 0.99), (0.44, 0.94),
          (0.53, 0.74), (0.42, 0.56), (0.22, 0.58), (0.08, 0.74)]]],
    7: [[[(0.03, 0.03), (0.3, 0.03), (0.57, 0.02)], [(0.57, 0.02), (0.4, 0.4), (0.24, 1.0)]],
        [[(0.03, 0.03), (0.3, 0.03), (0.57, 0.02)], [(0.57, 0.02), (0.4, 0.42), (0.26, 1.0)],
         [(0.2, 0.48), (0.38, 0.47), (0.54, 0.46)]]],
    8: [[[(0.42, 0.08), (0.26, 0.0), (0.1, 0.12), (0.12, 0.3), (0.3, 0.46), (0.48, 0.64),
          (0.52, 0.84), (0.34, 1.0), (0.12, 0.94), (0.06, 0.76), (0.2, 0.56), (0.4, 0.38),
          (0.5, 0.2), (0.42, 0.08)]]],
    9: [[[(0.48, 0.12), (0.28, 0.0), (0.08, 0.14), (0.08, 0.38), (0.24, 0.5), (0.42, 0.38),
          (0.5, 0.14)], [(0.5, 0.14), (0.47, 0.5), (0.4, 1.0)]]],
}  # fmt: skip


def curve(points: Array, steps: int = 12) -> Array:
    """A smooth line (N, 2) through points (K, 2): Catmull and Rom's spline (1974)."""
    p = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps)[:, None]
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:]):
        parts.append(
            b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        )
    return np.concatenate(parts)


def written(rng: Rng, digit: int, height: int, pen: float | None = None, gap: float = 0.0) -> Array:
    """A digit in the model's handwriting, alpha (H, W) in [0, 1], cut out with no margin.

    pen: width as a share of the height; gap: how far strokes stay apart, likewise.
    """
    ways = STROKES[digit]
    strokes = ways[rng.integers(len(ways))]
    pen = pen or rng.uniform(0.06, 0.12)
    angle, slant = np.radians(rng.normal(0, 4)), rng.normal(0.08, 0.1)
    stretch = rng.uniform(0.85, 1.2)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[stretch, -slant], [0, 1]])
    alpha = np.zeros((round(2.4 * height), round(2.4 * height)), np.uint8)
    for number, stroke in enumerate(strokes):
        points = np.array(stroke)
        points = points + rng.normal(0, 0.016, points.shape)
        if number:  # the last stroke is moved off the others
            points += gap * np.array({4: (0.9, 0), 5: (0.3, -1), 7: (0.6, 0.6)}.get(digit, (0, 0)))
        line = (curve(points) - (0.3, 0.5)) @ matrix.T * height + 1.2 * height
        shown = np.rint(line * 16).astype(np.int32)
        cv2.polylines(alpha, [shown], False, 255, max(1, round(pen * height)), cv2.LINE_AA, 4)
    return cut_out(alpha / 255)


def cut_out(alpha: Array) -> Array:
    rows, columns = (np.flatnonzero((alpha > 0.2).any(axis=axis)) for axis in (1, 0))
    return alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)


@cache
def test_digits() -> tuple[Array, Array]:
    data = load_data(EMBEDDED)
    return data.test_images, data.test_labels


def from_mnist(rng: Rng, digit: int, height: int) -> Array:
    """An MNIST test image of this digit, enlarged smoothly, alpha (H, W), no margin."""
    images, labels = test_digits()
    image = images[rng.choice(np.flatnonzero(labels == digit))] / np.float32(255)
    factor = height / 20
    return cut_out(
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    )


def shape(rng: Rng, digit: int, height: int, pen: float | None = None, gap: float = 0.0) -> Array:
    """One or the other, by chance; a pen's width or a gap is only the model's."""
    model = pen is not None or gap > 0 or rng.random() < 0.5
    return written(rng, digit, height, pen, gap) if model else from_mnist(rng, digit, height)


# ------------------------------------------------------------------------ paper, ink, light


def paper(h: int, w: int, colour: tuple[float, ...] = (244, 242, 236)) -> Array:
    return np.full((h, w, 3), colour, np.float32)


def put(page: Array, alpha: Array, top: int, left: int, colour: tuple[float, ...]) -> None:
    """Ink of this colour on the page, in place; what does not fit on it is cut off."""
    h, w = page.shape[:2]
    y, x = max(top, 0), max(left, 0)
    part = alpha[y - top : max(h - top, 0), x - left : max(w - left, 0), None]
    area = page[y : y + part.shape[0], x : x + part.shape[1]]
    area[...] = area * (1 - part) + np.float32(colour) * part


def somewhere(rng: Rng, page: Array, alpha: Array, margin: float = 0.08) -> tuple[int, int]:
    """Top and left, so that it lies `margin` (of the shorter side) inside."""
    edge = round(margin * min(page.shape[:2]))
    free = [max(1, page.shape[axis] - alpha.shape[axis] - 2 * edge) for axis in (0, 1)]
    return edge + int(rng.integers(free[0])), edge + int(rng.integers(free[1]))


def lamp(rng: Rng, h: int, w: int, strength: float) -> Array:
    """Light (H, W, 1) that falls off from one side and a little to the corners."""
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - strength * (1 + np.cos(angle) * x + np.sin(angle) * y) / 2.4
    return (light - 0.06 * (x * x + y * y))[..., None]


def camera(rng: Rng, page: Array, noise: float = 3, blur: float = 0.8, quality: int = 85) -> Array:
    """Blur, noise and JPEG: float (H, W, 3) to uint8."""
    page = cv2.GaussianBlur(page, (0, 0), blur)
    page = page + rng.normal(0, noise, page.shape)
    shot = page.clip(0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", shot[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1]


def rules(page: Array, gap: float, colour: tuple[float, ...], width: int = 2, slope: float = 0,
          first: float = 0.5, upright: bool = False) -> None:  # fmt: skip
    """Parallel lines over the whole page, in place."""
    h, w = page.shape[:2]
    length, count = (h, int(2 * w / gap)) if upright else (w, int(2 * h / gap))
    for number in range(-count // 4, count):
        at = (number + first) * gap
        ends = [(at, 0), (at + slope * length, length)]
        ends = ends if upright else [(b, a) for a, b in ends]
        a, b = (tuple(int(16 * value) for value in end) for end in ends)
        cv2.line(page, a, b, colour, width, cv2.LINE_AA, 4)


def page_size(rng: Rng) -> tuple[int, int]:
    a, b = int(rng.integers(420, 760)), int(rng.integers(560, 900))
    return (a, b) if rng.random() < 0.5 else (b, a)


INKS = [(30, 30, 40), (25, 35, 110), (50, 50, 55), (20, 60, 120)]


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
    h, w = page_size(rng)
    page = paper(h, w, base)
    if under:
        under(rng, page)
    alpha = shape(rng, digit, round(min(h, w) * rng.uniform(*share)), pen, gap)
    alpha = turned(alpha, turn)
    put(page, alpha, *somewhere(rng, page, alpha), colour or INKS[rng.integers(len(INKS))])
    if over:
        over(rng, page)
    return camera(rng, page * lamp(rng, h, w, light), **shot)


def turned(image: Array, degrees: float, fill: tuple[float, ...] | float = 0) -> Array:
    """Turned around its middle, the canvas enlarged to hold it."""
    if not degrees:
        return image
    h, w = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_w, new_h = round(h * sin + w * cos), round(h * cos + w * sin)
    matrix[:, 2] += (new_w - w) / 2, (new_h - h) / 2
    result = cv2.warpAffine(image, matrix, (new_w, new_h), borderValue=fill, flags=cv2.INTER_LINEAR)
    return cut_out(result) if image.ndim == 2 else result


# ----------------------------------------------------------------------- what else is on it


def notebook(rng: Rng, page: Array, margin: bool = False) -> None:
    gap = min(page.shape[:2]) * rng.uniform(0.07, 0.14)
    slope = rng.normal(0, 0.012)
    rules(page, gap, (150, 175, 215), int(rng.integers(2, 4)), slope, rng.random())
    if margin:
        left = page.shape[1] * rng.uniform(0.08, 0.2)
        ends = (round(left), 0), (round(left - slope * page.shape[0]), page.shape[0])
        cv2.line(page, *ends, (222, 110, 110), 3, cv2.LINE_AA)


def squares(rng: Rng, page: Array, slope: float = 0.0) -> None:
    gap = min(page.shape[:2]) * rng.uniform(0.05, 0.09)
    rules(page, gap, (185, 205, 225), 1, slope, rng.random())
    rules(page, gap, (185, 205, 225), 1, -slope, rng.random(), upright=True)


def dark_squares(rng: Rng, page: Array) -> None:
    gap = min(page.shape[:2]) * rng.uniform(0.1, 0.16)
    for upright in (False, True):
        rules(page, gap, (110, 120, 140), 2, 0, rng.random(), upright)


def crease(rng: Rng, page: Array) -> None:
    h, w = page.shape[:2]
    x = round(w * rng.uniform(0.3, 0.7))
    ends = (x, 0), (round(x + rng.normal(0, 0.05) * h), h)
    shade = np.ones((h, w), np.float32)
    cv2.line(shade, *ends, 0.72, 3, cv2.LINE_AA)
    page *= cv2.GaussianBlur(shade, (0, 0), 1.5)[..., None]


def shadow(rng: Rng, page: Array) -> None:
    """A straight, nearly sharp edge; one side gets 50 to 65 % of the light."""
    h, w = page.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    middle = (w * rng.uniform(0.3, 0.7), h * rng.uniform(0.3, 0.7))
    side = np.cos(angle) * (x - middle[0]) + np.sin(angle) * (y - middle[1])
    page *= (1 - rng.uniform(0.35, 0.5) / (1 + np.exp(side.clip(-60, 60) / 1.5)))[..., None]


def thumb(rng: Rng, page: Array) -> None:
    h, w = page.shape[:2]
    corner = (int(rng.integers(2)) * w, h)
    size = int(0.13 * min(h, w)), int(0.24 * min(h, w))
    mask = np.zeros((h, w), np.float32)
    cv2.ellipse(mask, corner, size, 35 if corner[0] == 0 else -35, 0, 360, 1, -1, cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (0, 0), 2)
    put(page, mask, 0, 0, (205, 150, 125))


def print_beside(rng: Rng, page: Array) -> None:
    """Two lines of small print along the bottom edge."""
    h, w = page.shape[:2]
    shown = Image.fromarray(page.astype(np.uint8))
    font = ImageFont.load_default(max(11, round(0.035 * h)))
    words = "Name: ________  Class 4b  Exercise 12, page 87. Write the number neatly."
    ImageDraw.Draw(shown).text((w * 0.06, h * 0.9), words, (40, 40, 40), font)
    page[...] = np.asarray(shown)


def stains(rng: Rng, page: Array) -> None:
    """The ring of a coffee cup."""
    h, w = page.shape[:2]
    mask = np.zeros((h, w), np.float32)
    at = (int(rng.integers(w)), int(rng.integers(h)))
    cv2.circle(mask, at, round(0.3 * min(h, w)), 0.25, 9, cv2.LINE_AA)
    put(page, cv2.GaussianBlur(mask, (0, 0), 3), 0, 0, (150, 105, 60))


def holes(rng: Rng, page: Array) -> None:
    for y in range(20, page.shape[0], 60):
        cv2.circle(page, (14, y), 9, (60, 55, 50), -1, cv2.LINE_AA)


def dots(rng: Rng, page: Array) -> None:
    gap = round(min(page.shape[:2]) * 0.06)
    for y in range(gap // 2, page.shape[0], gap):
        for x in range(gap // 2, page.shape[1], gap):
            cv2.circle(page, (x, y), 2, (150, 150, 160), -1, cv2.LINE_AA)


def other_side(rng: Rng, page: Array) -> None:
    """Writing that shines through from the back of the sheet, mirrored, faint and blurred."""
    mask = np.zeros(page.shape[:2], np.float32)
    for _ in range(4):
        alpha = written(rng, int(rng.integers(10)), round(0.3 * min(mask.shape)))[:, ::-1]
        top, left = int(rng.integers(mask.shape[0])), int(rng.integers(mask.shape[1]))
        part = mask[top : top + alpha.shape[0], left : left + alpha.shape[1]]
        part[...] = np.maximum(part, alpha[: part.shape[0], : part.shape[1]])
    put(page, 0.08 * cv2.GaussianBlur(mask, (0, 0), 3), 0, 0, (60, 60, 70))


def glare(rng: Rng, page: Array) -> None:
    h, w = page.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    at = rng.uniform(0.2, 0.8, 2) * (h, w)
    spot = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * (0.18 * min(h, w)) ** 2))
    put(page, 0.5 * spot, 0, 0, (255, 255, 255))


def toolbar(rng: Rng, page: Array) -> None:
    page[: round(0.06 * page.shape[0])] = (70, 70, 78)
    for number in range(5):
        cv2.circle(page, (30 + 40 * number, 16), 8, (200, 200, 205), -1, cv2.LINE_AA)


def form_field(rng: Rng, page: Array) -> None:
    h, w = page.shape[:2]
    ends = (round(0.04 * w), round(0.04 * h)), (round(0.96 * w), round(0.96 * h))
    cv2.rectangle(page, *ends, (90, 90, 90), 2, cv2.LINE_AA)


def on_table(
    rng: Rng, sheet: Array, table: tuple[float, ...], grain: float = 0, tilt: float = 6
) -> Array:
    """A sheet (h, w, 3) on a larger, darker table, a little turned, its corners off square."""
    h, w = sheet.shape[:2]
    height, width = round(1.45 * h), round(1.45 * w)
    ground = paper(height, width, table)
    if grain:
        wood = rng.normal(0, 1, (height, 1)).cumsum(axis=0) + rng.normal(0, 0.4, (height, width))
        ground += grain * cv2.GaussianBlur(wood, (0, 0), 2)[..., None] * (1.0, 0.8, 0.6)
    angle = np.radians(rng.uniform(-tilt, tilt))
    cos, sin = np.cos(angle), np.sin(angle)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (w / 2, h / 2)
    placed = corners @ np.array([[cos, sin], [-sin, cos]]) + (width / 2, height / 2)
    placed += rng.uniform(-0.03, 0.03, (4, 2)) * min(h, w)
    source = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
    matrix = cv2.getPerspectiveTransform(source, placed.astype(np.float32))
    size = (width, height)
    mask = cv2.warpPerspective(np.ones((h, w), np.float32), matrix, size)[..., None]
    return ground * (1 - mask) + cv2.warpPerspective(sheet, matrix, size) * mask


def sheet_on_table(rng: Rng, digit: int, table: tuple[float, ...] = (58, 45, 38), grain: float = 0,
                   light: float = 0.15, tilt: float = 6) -> Array:  # fmt: skip
    sheet = paper(*page_size(rng))
    alpha = shape(rng, digit, round(min(sheet.shape[:2]) * rng.uniform(0.35, 0.6)))
    put(sheet, alpha, *somewhere(rng, sheet, alpha, 0.12), INKS[rng.integers(len(INKS))])
    shown = on_table(rng, sheet, table, grain, tilt)
    return camera(rng, shown * lamp(rng, *shown.shape[:2], light))


def sticky_note(rng: Rng, digit: int) -> Array:
    sheet = paper(360, 360, (250, 232, 120))
    alpha = shape(rng, digit, round(360 * rng.uniform(0.4, 0.65)))
    put(sheet, alpha, *somewhere(rng, sheet, alpha, 0.12), INKS[rng.integers(len(INKS))])
    page = paper(*(2 * (640,)))
    top, left = (int(value) for value in rng.integers(40, 240, 2))
    page[top + 5 : top + 365, left + 5 : left + 365] *= 0.8
    page[top : top + 360, left : left + 360] = sheet
    return camera(rng, page * lamp(rng, 640, 640, 0.15))


def cropped(rng: Rng, digit: int) -> Array:
    """Cut so close that ink touches all four edges."""
    alpha = shape(rng, digit, int(rng.integers(60, 400)))
    page = paper(*alpha.shape)
    put(page, alpha, 0, 0, INKS[rng.integers(len(INKS))])
    return camera(rng, page, noise=2)


def transparent(rng: Rng, digit: int) -> Array:
    alpha = np.pad(shape(rng, digit, int(rng.integers(100, 400))), 40)
    colour = np.broadcast_to(np.float32(INKS[rng.integers(len(INKS))]), (*alpha.shape, 3))
    return np.dstack([colour, 255 * alpha]).astype(np.uint8)


def tiny(rng: Rng, digit: int, inside: int = 20, side: int = 28, enlarge: int = 1) -> Array:
    """side x side pixels, dark on light, like MNIST or scikit-learn's digits; then enlarged."""
    alpha = shape(rng, digit, 200)
    size = [max(1, round(inside * length / max(alpha.shape))) for length in alpha.shape]
    small = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_AREA)
    page = paper(side, side, (255, 255, 255))
    put(page, small, (side - size[0]) // 2, (side - size[1]) // 2, (0, 0, 0))
    return page.astype(np.uint8).repeat(enlarge, 0).repeat(enlarge, 1)


def twelve_megapixels(rng: Rng, digit: int) -> Array:
    small = scene(rng, digit, light=0.3, noise=2)
    size = (4000, 3000) if small.shape[1] > small.shape[0] else (3000, 4000)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


def two_strokes(rng: Rng, digit: int) -> Array:
    return scene(rng, (4, 5, 7)[digit % 3], pen=0.07, gap=rng.uniform(0.09, 0.14))


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
    "squared paper": partial(scene, under=squares),
    "cardboard": partial(scene, base=(176, 140, 102), noise=7),
    "crease": partial(scene, over=crease),
    "dark and noisy": lambda rng, digit: scene(rng, digit, (22, 22, 25), (95, 90, 88), noise=10),
    "small in a corner": lambda rng, digit: scene(rng, digit, share=(0.1, 0.14)),
    "12 megapixels": twelve_megapixels,
    "two separate strokes": two_strokes,
    "transparent": transparent,
    "28x28": tiny,
    "8x8 enlarged": partial(tiny, inside=8, side=12, enlarge=20),
    "ruled": partial(scene, under=notebook),
    "pencil, ruled, margin": lambda rng, digit: scene(
        rng, digit, (95, 95, 100), pen=rng.uniform(0.04, 0.06), under=partial(notebook, margin=True)
    ),
    "sheet on a dark table": sheet_on_table,
    "yellow felt-tip": partial(scene, colour=(250, 225, 60)),
    "cropped to the ink": cropped,
    "hard shadow edge": partial(scene, over=shadow),
    "thumb in the corner": partial(scene, over=thumb, share=(0.3, 0.5)),
    "print beside": partial(scene, over=print_beside, share=(0.3, 0.5)),
    "rotated by 30 degrees": lambda rng, digit: scene(rng, digit, turn=30 * rng.choice([-1, 1])),
}
FRESH: dict[str, Kind] = {
    "tilted sheet on wood": partial(sheet_on_table, table=(120, 80, 50), grain=4, tilt=14),
    "sheet on a grey desk": partial(sheet_on_table, table=(150, 150, 152), light=0.35),
    "green on pink": partial(scene, colour=(60, 140, 80), base=(238, 190, 196)),
    "holes at the side": partial(scene, over=holes),
    "coffee ring": partial(scene, under=stains),
    "sticky note": sticky_note,
    "out of focus": partial(scene, blur=4),
    "whiteboard, glare": partial(scene, base=(225, 228, 232), over=glare),
    "dotted paper": partial(scene, under=dots),
    "dark screen, toolbar": partial(scene, colour=(240, 240, 240), base=(28, 28, 32), over=toolbar),
    "squares, tilted": lambda rng, digit: scene(rng, digit, under=partial(squares, slope=0.17)),
    "back shines through": partial(scene, under=other_side),
    "form field": partial(scene, under=form_field, share=(0.3, 0.5)),
    "shadow on ruled paper": partial(scene, under=notebook, over=shadow),
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
        left += alpha.shape[1] + round(height * rng.uniform(*apart))
        left = max(left, 0)
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
    page = paper(round(lines * 1.9 * height) + height, width)
    if under:
        under(rng, page)
    colour = INKS[rng.integers(len(INKS))]
    for number, row in enumerate(rows):
        put(page, row, round((0.4 + 1.9 * number) * height), height, colour)
    page = turned(page, turn * rng.choice([-1, 1]), (244, 242, 236))
    if table:
        page = on_table(rng, page, (58, 45, 38))
    return camera(rng, page * lamp(rng, *page.shape[:2], 0.2))


def boxes(rng: Rng, digits: list[int], apart: int = 8) -> Array:
    """A form with a box for each digit; `apart` 0 for walls that are shared."""
    page = paper(180, 40 + len(digits) * (120 + apart))
    for number, digit in enumerate(digits):
        left = 20 + number * (120 + apart)
        cv2.rectangle(page, (left, 30), (left + 120, 150), (60, 60, 60), int(rng.integers(2, 5)))
        alpha = shape(rng, digit, int(rng.integers(65, 90)))
        put(page, alpha, 90 - alpha.shape[0] // 2, left + 60 - alpha.shape[1] // 2, (30, 30, 40))
    return camera(rng, page, noise=2, blur=0.5)


def tight(rng: Rng, digits: list[int]) -> Array:
    """A number cropped to its ink."""
    line = cut_out(line_of(rng, digits, int(rng.integers(70, 110)), (0.2, 0.5)))
    page = paper(*line.shape)
    put(page, line, 0, 0, INKS[rng.integers(len(INKS))])
    return camera(rng, page, noise=2)


SHEETS: dict[str, Callable[[Rng, list[int]], Array]] = {
    "one line": sheet,
    "two lines": partial(sheet, lines=2),
    "three lines, ruled": partial(sheet, lines=3, under=notebook),
    "close together": partial(sheet, apart=(0.06, 0.2)),
    "turned by 10 degrees": partial(sheet, lines=2, turn=10),
    "turned by 20 degrees": partial(sheet, lines=2, turn=20),
    "on a dark table": partial(sheet, lines=2, table=True),
    "on squared paper": partial(sheet, lines=2, under=dark_squares),
    "cropped to the ink": tight,
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
    return KINDS[kind](rng, number if kind == "two separate strokes" else digit), digit


def sheet_picture(kind: str, number: int) -> tuple[Array, str]:
    """The number-th sheet of a kind and its digits in reading order, from 2 to 10 of them."""
    rng = np.random.default_rng([number, *kind.encode()])
    make = (SHEETS | HARD)[kind]
    count = int(rng.integers(2, 5)) if kind == "touching" else int(rng.integers(4, 11))
    digits = rng.integers(0, 10, count).tolist()
    return make(rng, digits), "".join(map(str, digits))
