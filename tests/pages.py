"""What a picture of handwriting is taken of and with: paper, light, camera, and what lies there.

A page is (H, W, 3) float32 in [0, 255]. What draws on one, changes it in place.
"""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.handwriting import Array, Rng, written


def paper(h: int, w: int, colour: tuple[float, ...] = (244, 242, 236)) -> Array:
    return np.full((h, w, 3), colour, np.float32)


def put(page: Array, alpha: Array, top: int, left: int, colour: tuple[float, ...]) -> None:
    """Ink of this colour on the page, in place; what does not fit on it is cut off."""
    h, w = page.shape[:2]
    y, x = max(top, 0), max(left, 0)
    part = alpha[y - top : max(h - top, 0), x - left : max(w - left, 0), None]
    area = page[y : y + part.shape[0], x : x + part.shape[1]]
    area[...] = area * (1 - part) + np.float32(colour) * part


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


def ink(rng: Rng) -> tuple[float, ...]:
    return INKS[rng.integers(len(INKS))]


def write(
    rng: Rng,
    page: Array,
    alpha: Array,
    colour: tuple[float, ...] | None = None,
    margin: float = 0.08,
) -> None:
    """Put ink somewhere on the page, in place, `margin` (of the shorter side) inside."""
    edge = round(margin * min(page.shape[:2]))
    free = [max(1, page.shape[axis] - alpha.shape[axis] - 2 * edge) for axis in (0, 1)]
    top, left = edge + int(rng.integers(free[0])), edge + int(rng.integers(free[1]))
    put(page, alpha, top, left, colour or ink(rng))


def cropped(rng: Rng, alpha: Array) -> Array:
    """A picture cut so close that ink touches all four edges."""
    page = paper(*alpha.shape)
    put(page, alpha, 0, 0, ink(rng))
    return camera(rng, page, noise=2)


def notebook(rng: Rng, page: Array, margin: bool = False) -> None:
    gap = min(page.shape[:2]) * rng.uniform(0.07, 0.14)
    slope = rng.normal(0, 0.012)
    rules(page, gap, (150, 175, 215), int(rng.integers(2, 4)), slope, rng.random())
    if margin:
        left = page.shape[1] * rng.uniform(0.08, 0.2)
        ends = (round(left), 0), (round(left - slope * page.shape[0]), page.shape[0])
        cv2.line(page, *ends, (222, 110, 110), 3, cv2.LINE_AA)


def squares(
    rng: Rng,
    page: Array,
    slope: float = 0.0,
    colour: tuple[float, ...] = (185, 205, 225),
    width: int = 1,
    share: tuple[float, float] = (0.05, 0.09),
) -> None:
    gap = min(page.shape[:2]) * rng.uniform(*share)
    rules(page, gap, colour, width, slope, rng.random())
    rules(page, gap, colour, width, -slope, rng.random(), upright=True)


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
