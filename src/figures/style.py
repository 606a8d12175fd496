"""What all figures share: the look, colours, scales, pictures, and how a figure is saved."""

import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from src.common.errors import one_line
from src.common.files import replacing

LOOK = Path(__file__).with_name("look.mplstyle")  # our settings, on top of matplotlib's defaults

# Of many sets, one whose closest two colours are far apart for readers with deuteranopia,
# protanopia and neither; line styles tell the rest apart.
COLOURS = ["#0072B2", "#D55E00", "#44AA99", "#000000", "#56B4E9", "#882255"]
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]
GREY = "#767676"  # as light as text may be on white


@contextmanager
def drawing(
    path: Path, size: tuple[float, float], title: str, foot: str, margins: Sequence[float]
) -> Iterator[Figure]:
    """A figure to draw on, saved as the PNG, SVG or PDF that `path` names.

    Its size and margins (left, below, right, above) are in inches. Inside `with`, matplotlib has
    our settings and no one else's; afterwards the host's again.
    """
    with matplotlib.style.context(LOOK, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        figure = Figure(size)
        left, below, right, above = np.divide(margins, size * 2)
        figure.subplots_adjust(left, below, 1 - right, 1 - above)
        yield figure
        figure.suptitle(fit(title, int(11 * size[0])), y=1 - 0.11 / size[1], size=11.5)
        figure.text(0.015, 0.06 / size[1], fit(foot, int(16.5 * size[0]), 2), size=8)
        with replacing(path) as temporary:
            figure.savefig(temporary)


def fit(text: object, width: int, lines: int = 1) -> str:
    """A text on at most so many lines of so many characters, with an ellipsis where it is cut."""
    return textwrap.fill(one_line(text), width, max_lines=lines, placeholder="…")


def legend(figure: Figure) -> None:
    """Name what has a label in the first axes, in the margin at the right."""
    named = figure.axes[0].get_legend_handles_labels()
    place = figure.subplotpars.right + 0.3 / figure.get_figwidth(), figure.subplotpars.top
    figure.legend(*named, loc="upper left", bbox_to_anchor=place)


def looks(labels: Iterable[str], ordered: bool = False) -> dict[str, dict]:
    """Colour and line style of each label, by its place among all: 30 differ. `ordered` ones, such
    as learning rates, run through viridis: even, safe for the colour-blind, too light at its end.
    """
    names = list(labels)
    inks = colormaps["viridis"](np.linspace(0, 0.82, len(names))) if ordered else COLOURS
    of_each = zip(names, cycle(inks), cycle(DASHES))
    return {name: {"color": ink, "ls": dashes} for name, ink, dashes in of_each}


def whole_axis(axes: Axes, label: str = "epoch") -> None:
    """A horizontal axis of whole numbers, from the first to the last that is drawn."""
    first, last = axes.xaxis.get_data_interval()
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    axes.set(xlim=(first, max(last, first + 1)), xlabel=label)


def log_axis(axis: Any, unit: str = "", least: float = 2.0) -> None:
    """A log scale around what is drawn, no narrower than a factor of `least`, so that what hardly
    moves looks like it. What is 0 has no place there. `unit` "%" ends at 100%.
    """
    low, high = axis.get_minpos(), axis.get_data_interval()[1]
    if not low <= high:  # there is nothing above 0
        low, high = 0.1, 1.0
    edge = max((high / low) ** 0.06, (least * low / high) ** 0.5)
    low, high = low / edge, min(high * edge, 100 if unit == "%" else np.inf)
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high), f"{axis.axis_name}scale": "log"})
    digits = (1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5) if high < 100 * low else (1,)
    few = MaxNLocator(4, steps=[1, 2, 5, 10])
    axis.set_major_locator(few if high < 3 * low else LogLocator(subs=digits, numticks=8))
    axis.set_major_formatter(f"{{x:,.6g}}{unit}")
    axis.axes.minorticks_off()


def draw_picture(axes: Axes, picture: np.ndarray, title: str = "", **style: Any) -> None:
    """A picture with a title and nothing else around it, pixel by pixel."""
    axes.imshow(picture, interpolation="nearest", **style)
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(False)
    axes.spines[:].set_visible(False)


def draw_tiles(
    axes: Axes, tiles: np.ndarray, columns: int, captions: Sequence[str] = (), **style: Any
) -> None:
    """Pictures (N, 28, 28) row by row, each with its caption below."""
    rows, down, across = max(1, -(-len(tiles) // columns)), 40 if captions else 31, 31
    sheet = np.full((rows, down, columns, across), np.nan)
    for number, tile in enumerate(tiles):
        sheet[number // columns, :28, number % columns, :28] = tile
    draw_picture(axes, sheet.reshape(rows * down, columns * across), **style)
    for number, text in enumerate(captions):
        at = across * (number % columns) + 13.5, down * (number // columns) + 29
        axes.text(*at, text, ha="center", va="top", size=8)
