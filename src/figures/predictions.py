"""What the network saw on pictures and what it answered, as one PNG."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from src.figures.style import COLOURS, GREY, draw_picture, drawing, short

PER_ROW = 6  # digits side by side
MOST_ROWS = 12  # in one figure


def rows_needed(page: Any) -> int:
    """Of the figure, for a page as src/reading/pictures.py finds it."""
    return -(-len(page.digits) // PER_ROW)


def draw_page(axes: Axes, name: str, page: Any) -> None:
    """The page, a box and the answer at each digit, a grey box at what was left out."""
    draw_picture(axes, page.picture, short(name, 40))
    for left, top, right, bottom in page.marks:
        axes.fill([left, right, right, left], [top, top, bottom, bottom], color=GREY, alpha=0.5)
    label = {"boxstyle": "square,pad=0.15", "color": COLOURS[1]}
    for digit in page.digits:
        left, top, right, bottom = digit.box
        corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
        axes.plot(*corners, color=COLOURS[1], lw=1.2)
        answer = str(digit.probabilities.argmax())
        axes.text(left, top, answer, color="white", va="bottom", fontsize=9, bbox=label)
    axes.spines[:].set_visible(True)


def draw_seen(axes: Axes, seen: np.ndarray, columns: int) -> None:
    """What the network saw, (N, 28, 28), each above the middle of its bars."""
    sheet = np.zeros((28, 40 * columns))
    for number, image in enumerate(seen):
        left = round(40 * (number + 5.5 / 12)) - 14
        sheet[:, left : left + 28] = image
    draw_picture(axes, sheet, "", cmap="gray_r", vmin=0, vmax=255, aspect="auto")


def draw_probabilities(axes: Axes, probabilities: list[np.ndarray], columns: int) -> None:
    """Ten bars for each digit, the answer's in colour, the next likely one named too."""
    for number, row in enumerate(probabilities):
        answer, second = np.argsort(-row, kind="stable")[:2]
        colours = [COLOURS[int(digit == answer)] for digit in range(10)]
        axes.bar(12 * number + np.arange(10), row, color=colours)
        named = [answer, second] if row[second] >= 0.01 else [answer]
        text = ", ".join(f"{digit}: {row[digit]:.0%}" for digit in named)
        axes.text(12 * number + 4.5, 1.06, text, ha="center", fontsize=9)
    axes.set(xlim=(-1, 12 * columns - 1), ylim=(0, 1), yticks=(0, 0.5, 1))
    ticks = [12 * place + digit for place in range(len(probabilities)) for digit in range(10)]
    axes.set_xticks(ticks, [str(tick % 12) for tick in ticks], fontsize=8)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylabel("probability")
    axes.grid(False, axis="x")


def plot_predictions(
    path: Path, pages: list[tuple[str, Any]], prepare: Callable, total: int
) -> None:
    """The named pages, of `total` there were, and each digit as the network sees it.

    `prepare` is the preprocessing, images (N, 28, 28) uint8 to the same.
    """
    rows = [rows_needed(page) for _, page in pages]
    columns = min(PER_ROW, max(2, *(len(page.digits) for _, page in pages), 0))
    more = f" (the first {len(pages)} of {total:,} pictures)" if total > len(pages) else ""
    title = f"Pictures, what the network saw, and how sure it is{more}"
    size = (4 + 1.6 * columns, 0.5 + 2.5 * sum(rows))
    with drawing(path, size, title) as figure:
        ratios = {"width_ratios": [3.6, 1.6 * columns], "height_ratios": [1.1, 1] * sum(rows)}
        grid = figure.add_gridspec(2 * sum(rows), 2, **ratios)
        first = 0
        for (name, page), count in zip(pages, rows):
            draw_page(figure.add_subplot(grid[first : first + 2 * count, 0]), name, page)
            for start in range(0, len(page.digits), PER_ROW):
                part = page.digits[start : start + PER_ROW]
                upper, lower = (figure.add_subplot(grid[first + below, 1]) for below in (0, 1))
                draw_seen(upper, prepare(np.stack([digit.image for digit in part])), columns)
                draw_probabilities(lower, [digit.probabilities for digit in part], columns)
                first += 2
