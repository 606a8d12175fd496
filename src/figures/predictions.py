"""What the network saw on pictures and what it answered, as one figure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from src.figures import style

PER_ROW = 8  # digits side by side


def draw_page(axes: Axes, name: str, page: Any) -> None:
    """The page, a box and the answer at each digit, a grey box at what was left out."""
    style.draw_picture(axes, page.picture, style.fit(name, 40, 2))
    for left, top, right, bottom in page.marks:
        corners = [left, right, right, left], [top, top, bottom, bottom]
        axes.fill(*corners, color=style.GREY, alpha=0.5)
    ink = style.COLOURS[1]
    label = {"boxstyle": "square,pad=0.15", "color": ink}
    for digit in page.digits:
        left, top, right, bottom = digit.box
        corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
        axes.plot(*corners, color=ink, lw=1.2)
        answer = str(digit.probabilities.argmax())
        axes.text(left, top, answer, color="white", va="bottom", fontsize=9, bbox=label)
    axes.spines[:].set_visible(True)


def likely(probabilities: np.ndarray) -> str:
    """One digit's answer and, from 1% on, the next likely one: "5: 36%, 4: 29%"; never 100%."""
    order = np.argsort(-probabilities, kind="stable")[:2]
    said = [f"{digit}: {probabilities[digit]:.0%}".replace("100%", "> 99%") for digit in order]
    return ", ".join(said if probabilities[order[1]] >= 0.01 else said[:1])


def plot_predictions(
    path: Path, pages: list[tuple[str, Any]], prepare: Callable, total: int
) -> None:
    """The named pages, of `total` there were, and each digit as the network sees it: after
    `prepare`, its preprocessing, images (N, 28, 28) uint8 to the same.
    """
    counts = [len(page.digits) for _, page in pages]
    columns, rows = min(PER_ROW, max(counts)), [max(1.5, -(-count // PER_ROW)) for count in counts]
    size = 4.7 + 1.1 * columns, 1.1 + 1.5 * sum(rows)
    title = "What the network saw, and how sure it is"
    foot = f"the first {len(pages)} of {total:,} pictures" * (total > len(pages))
    with style.drawing(path, size, title, foot, (0.1, 0.3, 0.1, 0.8)) as figure:
        ratios = {"width_ratios": [4.2, 1.1 * columns], "height_ratios": rows, "wspace": 0.05}
        grid = figure.subplots(len(pages), 2, squeeze=False, gridspec_kw=ratios)
        for (name, page), (left, right) in zip(pages, grid):
            draw_page(left, name, page)
            seen = prepare(np.stack([digit.image for digit in page.digits]))
            captions = [likely(digit.probabilities) for digit in page.digits]
            style.draw_tiles(right, seen, columns, captions, cmap="gray_r", vmin=0, vmax=255)
            left.set_anchor("N")
            right.set_anchor("NW")
