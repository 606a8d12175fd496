"""What the network saw on pictures and what it answered, as one PNG."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from src.figures.style import COLOURS, draw_picture, drawing, short

PER_ROW = 6  # digits side by side
MOST_ROWS = 12  # in one figure
Box = tuple[int, int, int, int]  # left, top, right, bottom
# Name, page (H, W, 3) uint8, N boxes, what was seen (N, 28, 28), probabilities (N, 10).
Picture = tuple[str, np.ndarray, list[Box], np.ndarray, np.ndarray]


def rows_needed(digits: int) -> int:
    """Of the figure, for a picture with so many digits."""
    return -(-digits // PER_ROW)


def draw_page(
    axes: Axes, name: str, page: np.ndarray, boxes: list[Box], answers: list[int]
) -> None:
    """The page (H, W, 3), a box and the answer at each digit."""
    draw_picture(axes, page, short(name, 40))
    for (left, top, right, bottom), answer in zip(boxes, answers):
        corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
        axes.plot(*corners, color=COLOURS[1], lw=1.2)
        label = {"boxstyle": "square,pad=0.15", "color": COLOURS[1]}
        axes.text(left, top, str(answer), color="white", va="bottom", fontsize=9, bbox=label)
    axes.spines[:].set_visible(True)


def draw_seen(axes: Axes, seen: np.ndarray, columns: int) -> None:
    """What the network saw, (N, 28, 28), each above the middle of its bars."""
    sheet = np.zeros((28, 40 * columns))
    for number, image in enumerate(seen):
        left = round(40 * (number + 5.5 / 12)) - 14
        sheet[:, left : left + 28] = image
    draw_picture(axes, sheet, "", cmap="gray_r", vmin=0, vmax=255, aspect="auto")


def draw_probabilities(axes: Axes, probabilities: np.ndarray, columns: int) -> None:
    """Ten bars for each digit (N, 10), the answer's in colour, the next likely one named too."""
    for number, row in enumerate(probabilities):
        answer, second = np.argsort(-row, kind="stable")[:2]
        places = 12 * number + np.arange(10)
        axes.bar(places, row, color=[COLOURS[digit == answer] for digit in range(10)])
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


def plot_predictions(path: Path, pictures: list[Picture], total: int) -> None:
    """Each of the pictures, of `total` that there were, and what the network saw of each digit."""
    rows = [rows_needed(len(boxes)) for _, _, boxes, _, _ in pictures]
    columns = min(PER_ROW, max(2, *(len(boxes) for _, _, boxes, _, _ in pictures), 0))
    ratios = {"width_ratios": [3.6, 1.6 * columns], "height_ratios": [1.1, 1] * sum(rows)}
    more = f" (the first {len(pictures)} of {total:,} pictures)" if total > len(pictures) else ""
    title = f"Pictures, what the network saw, and how sure it is{more}"
    size = 4 + 1.6 * columns, 0.5 + 2.5 * sum(rows)
    with drawing(path, size, title, layout="constrained") as figure:
        grid = figure.add_gridspec(2 * sum(rows), 2, **ratios)
        first = 0
        for (name, page, boxes, seen, probabilities), count in zip(pictures, rows):
            axes = figure.add_subplot(grid[first : first + 2 * count, 0])
            draw_page(axes, name, page, boxes, probabilities.argmax(axis=1).tolist())
            for start in range(0, len(boxes), PER_ROW):
                part = slice(start, start + PER_ROW)
                upper, lower = (figure.add_subplot(grid[first + below, 1]) for below in (0, 1))
                draw_seen(upper, seen[part], columns)
                draw_probabilities(lower, probabilities[part], columns)
                first += 2
