"""What is on a page: ink without printed lines, strokes that make up digits, and marks."""

from itertools import chain

import numpy as np
import pytest

from src.common.errors import InputError
from src.reading.ink import sheet_of_paper, without_rules
from tests.test_pictures import page_of

Stroke = tuple[int, int, int, int]  # a dark rectangle: top, bottom, left, right


def sheet(height: int, width: int, *shapes: list[Stroke]) -> np.ndarray:
    """Light paper (height, width, 3) uint8 with these shapes of several strokes each."""
    page = np.full((height, width, 3), 242, np.uint8)
    for top, bottom, left, right in chain(*shapes):
        page[top:bottom, left:right] = 26
    return page


def seven(top: int, left: int, bar: int = 0) -> list[Stroke]:
    """An angle, 90 high and 60 wide; its bar may stand apart."""
    return [(top, top + 90, left, left + 15), (top, top + 15, left + bar, left + 60)]


@pytest.mark.parametrize(("lines", "dots"), [("rules", 0), ("grid", 40), ("box", 40)])
def test_lines_are_taken_out_and_strokes_are_not_cut(lines: str, dots: int) -> None:
    digit = np.zeros((400, 600), np.uint8)
    digit[130:250, 170:185] = digit[130:145, 170:220] = 1
    printed = np.zeros_like(digit)
    if lines == "box":
        printed[100:280, 140:260] = 1
        printed[103:277, 143:257] = 0
    else:
        printed[20::60] = printed[21::60] = 1
    if lines == "grid":
        printed[:, 40::60] = printed[:, 41::60] = 1
    rest = without_rules(digit | printed)
    assert (rest & ~digit).sum() <= dots and rest.sum() > 0.9 * digit.sum()
    assert np.array_equal(without_rules(digit), digit)


def test_a_sheet_on_a_dark_table_is_found_and_a_lit_half_is_not_taken_for_one() -> None:
    table = sheet(600, 800)
    table[...] = 64
    table[100:500, 200:600] = sheet(400, 400, [(100, 200, 180, 200)])
    rows, columns = np.nonzero(sheet_of_paper(table))
    ends = (rows.min(), rows.max(), columns.min(), columns.max())
    assert ends == pytest.approx((100, 500, 200, 600), abs=30)
    half = sheet(600, 800, [(200, 300, 180, 200)])
    half[:, 400:] //= 2
    assert sheet_of_paper(half).all()


APART = [[(60, 60), (50, 200), (70, 350)], [(250, 60), (240, 210)]]  # top, left
CLOSE = [[(40, 50), (40, 200)], [(140, 60), (140, 210)]]


@pytest.mark.parametrize("lines", [APART, CLOSE])
def test_digits_come_in_reading_order_line_by_line(lines: list[list[tuple[int, int]]]) -> None:
    page = page_of(sheet(400, 500, *[seven(*corner) for corner in chain(*lines)]))
    for line, corners in zip(page.lines, lines, strict=True):
        found = [(digit.box[1], digit.box[0]) for digit in line]
        assert found == [pytest.approx(corner, abs=4) for corner in corners]


EDGE, TOUCHES = "1 mark at the edge left out", "touches the edge, so part of it may be missing"
POINT = "1 mark beside the digits (a minus, a point?) left out"
BORDER = "what lies along a whole edge was left out"
BESIDE = {
    "dust": ([(30, 33, 30, 33), (270, 273, 460, 463)], 2, 0, []),
    "a digit of two strokes": (seven(100, 340, bar=25), 3, 0, []),
    "a digit at the edge": (seven(210, 340), 3, 0, [TOUCHES]),
    "a point, and the row above": ([(180, 190, 190, 200), (0, 12, 300, 330)], 2, 2, [EDGE, POINT]),
    "a table's edge": ([(0, 300, 0, 6)], 2, 0, [BORDER]),
}


@pytest.mark.parametrize("beside", BESIDE)
def test_what_lies_beside_two_digits_is_read_or_said_unless_it_is_dust(beside: str) -> None:
    strokes, digits, marks, remarks = BESIDE[beside]
    page = page_of(sheet(300, 500, seven(100, 100), seven(100, 220), strokes))
    assert (len(page.digits), len(page.marks)) == (digits, marks)
    assert page.remarks == remarks


def test_touching_digits_are_parted_where_the_reader_is_surest() -> None:
    page = sheet(200, 400, [(60, 140, 100, 160), (60, 140, 170, 230), (90, 110, 155, 175)])
    page[80:120, 120:140] = page[80:120, 190:210] = 242  # two rings, joined by a stroke

    def read(images: np.ndarray) -> np.ndarray:  # sure of what is upright, like one ring
        wide = images.any(axis=1).sum(axis=1) > 17
        sure = np.where(wide, 0.2, 0.99)
        return np.column_stack([sure, *[(1 - sure) / 9] * 9])

    left, right = page_of(page, read).digits
    assert left.box[2] == pytest.approx(165, abs=12) and right.box[0] == left.box[2]


def test_a_doubtful_digit_is_read_as_the_others_on_its_page_are() -> None:
    sevens = [seven(60, left) for left in range(50, 650, 100)]
    page = sheet(200, 700, *sevens, [(75, 150, 65, 75)])  # the first one is thicker

    def read(images: np.ndarray) -> np.ndarray:  # five sevens, and one that may be a 1
        p = np.full((len(images), 10), 1e-3)
        p[:, 7] = 0.99
        p[images.sum(axis=(1, 2)) > 30_000] = [1e-3, 0.55, *[1e-3] * 5, 0.45, 1e-3, 1e-3]
        return p

    answers = [int(digit.probabilities.argmax()) for digit in page_of(page, read).digits]
    assert answers == [7] * 6


def test_a_dash_is_no_digit() -> None:
    with pytest.raises(InputError, match="no digits"):
        page_of(sheet(300, 400, [(140, 150, 100, 300)]))
