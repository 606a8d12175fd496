"""The look that all figures share: colours, scales, pictures, and how a figure is saved."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.common.files import replacing

# Told apart by colour-blind readers too (Okabe & Ito, 2008), without their yellow.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A5A2B"]
DASHES, MARKERS = ["-", "--", ":", "-."], ["o", "s", "^", "D"]  # the second eight are dashed
DIGITS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # ticks in each decade of a log scale

Look = tuple[str, str, str]  # colour, line style, marker

matplotlib.rcdefaults()  # a matplotlibrc in the working directory has been read all the same
matplotlib.rcParams.update(
    {
        "figure.dpi": 120,
        "font.size": 9.5,
        "text.parse_math": False,  # a label may contain a $
        "axes.titlesize": 10,
        "axes.titley": 1.0,  # else every tick is measured to find a place for the title
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.xmargin": 0,
        "grid.alpha": 0.3,
    }
)


def save(figure: Figure, path: Path, title: str = "", failed: dict[str, str] | None = None) -> None:
    """Write the PNG, with a title at the top and what `failed`, label -> reason, at the foot."""
    figure.suptitle(short(title, 110), size=11.5)
    reasons = "; ".join(f"{short(label)} failed: {why}" for label, why in (failed or {}).items())
    figure.text(0.015, 0.06 / figure.get_figheight(), short(reasons, 150), size=8)
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        figure.savefig(temporary, format="png", pil_kwargs={"compress_level": 3})


def named(label: str, failed: dict[str, str], finished: bool) -> str:
    """The label beside a line or a point, with a note if all or some of its runs failed."""
    note = " (some failed)" if finished else " (failed)"
    return short(label, 20) + (note if label in failed else "")


def short(text: str, limit: int = 26) -> str:
    """A label on one line, with an ellipsis where it is too long for its place."""
    text = " ".join(str(text).split()).encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes of this size at this place, in inches: far quicker than measuring every label."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def colour(number: int) -> str:
    """The colour with this number; after eight they begin again."""
    return COLOURS[number % len(COLOURS)]


def looks(labels: Iterable[str], ordered: bool = False) -> dict[str, Look]:
    """The look of each label, by its place among all; `ordered` values (learning rates, layers)
    run through viridis, which is even, safe for the colour-blind, and at its end too light.
    """
    names = list(labels)
    if ordered:
        scale = matplotlib.colormaps["viridis"](np.linspace(0, 0.87, max(2, len(names))))
        return {name: (matplotlib.colors.to_hex(c), "-", "o") for name, c in zip(names, scale)}
    turns = [place // len(COLOURS) % len(DASHES) for place in range(len(names))]
    return {n: (colour(i), DASHES[t], MARKERS[t]) for i, (n, t) in enumerate(zip(names, turns))}


def architecture(hidden: Iterable[int]) -> str:
    """784-128-64-10 for the hidden layers (128, 64)."""
    return "-".join(map(str, [784, *hidden, 10]))


# ------------------------------------------------------------------------------ scales


def whole_axis(axes: Axes, first: int, last: int, label: str = "epoch") -> None:
    """A horizontal axis of whole numbers, eight ticks at most, from the first to the last."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**5) if last <= 6 * step)
    between = [t for t in range(step, last, step) if min(t - first, last - t) > 0.4 * step]
    axes.set_xticks([first, *between, last] if last > first else [first])
    axes.set(xlim=(first, max(last, first + 1)), xlabel=label)


def number(value: float) -> str:
    """A tick in plain figures: 60,000, 0.001, 1e-6."""
    return f"{value:,.6g}" if value >= 1e-4 else f"{value:.2g}".replace("e-0", "e-")


def log_axis(
    axis: Any, values: Iterable[np.ndarray], least: float = 2.0, accuracy: bool = False
) -> None:
    """A log scale around the values, no narrower than a factor of `least`, so that what hardly
    moves looks like it. What is 0 has no place there and is not drawn.
    """
    shown = np.concatenate([np.ravel(value) for value in values] or [np.ones(1)])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    low, high = (shown.min(), shown.max()) if len(shown) else (0.1, 1.0)
    edge = max((high / low) ** 0.06, (least * low / high) ** 0.5, 1.01)
    low, high = low / edge, high * edge
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    choices = [np.outer(decades, digits).ravel() for digits in DIGITS]
    choices.append(np.array(MaxNLocator(5).tick_values(low, high)))
    shown_ticks = [[float(tick) for tick in ticks if low <= tick <= high] for ticks in choices]
    at = next((ticks for ticks in shown_ticks if len(ticks) > 2 + accuracy), shown_ticks[-1])
    at = at[:: -(-len(at) // 6) or 1]
    if accuracy:  # guessing is right in 10 %, no network in less than 0 %
        at = [tick for tick in at if tick < 0.7] + [0.9] * bool(low < 0.9 < high)
        low, high = min(high, 1.0), low
    which = axis.axis_name
    axis.axes.set(**{f"{which}lim": (low, high), f"{which}scale": "log"})
    labels = [f"{100 * (1 - tick):.6g}%" if accuracy else number(tick) for tick in at]
    axis.set_ticks(at, labels)
    axis.set_ticks([], minor=True)


def accuracy_axis(axis: Any, errors: Iterable[np.ndarray]) -> None:
    """A log scale of error rates, labelled with the accuracy, better up or right: from 90 to 95 %
    is as far as from 98 to 99 %, half of the mistakes. Draw `error_rate(accuracy)` on it.
    """
    log_axis(axis, errors, 1.25, accuracy=True)


def error_rate(accuracy: Any) -> np.ndarray:
    """The share of mistakes; 0 becomes 0.004 %, so that a log scale has a place for 100.00 %."""
    return np.maximum(1 - np.asarray(accuracy, dtype=float), 4e-5)


def label_ends(
    axes: Axes, ends: list[tuple[str, float, Look]], gap: float = 0.17, marks: bool = False
) -> None:
    """Write (text, last value, look) at the right edge, each as near to its line as there is room,
    with the point's marker before it if `marks`. NaN stands for a line that is not there: its text
    comes last.
    """
    up = -1 if axes.yaxis_inverted() else 1
    ends = sorted(ends, key=lambda end: -up * end[1] if np.isfinite(end[1]) else np.inf)
    height = axes.bbox.height / matplotlib.rcParams["figure.dpi"]
    gap = min(gap, height / max(1, len(ends))) / height
    to_axes = (axes.transData + axes.transAxes.inverted()).transform
    starts = np.array([to_axes((0, y))[1] if np.isfinite(y) else -1.0 for _, y, _ in ends])
    steps = gap * np.arange(len(ends))
    down = np.minimum.accumulate(starts + steps) - steps  # pushed down by those above, or up
    upwards = np.maximum.accumulate((starts + steps)[::-1])[::-1] - steps
    lowest, highest = 0.4 * gap + steps[::-1], np.maximum(1 - steps, steps[::-1])
    places = np.clip((down + upwards) / 2, lowest, highest)
    for (text, value, (ink, dashes, marker)), start, end in zip(ends, starts, places):
        shared: dict[str, Any] = {"color": ink, "clip_on": False, "transform": axes.transAxes}
        if np.isfinite(value):
            axes.plot([1.005, 1.04, 1.065], [start, end, end], lw=0.9, ls=dashes, **shared)
            axes.plot(1.065, end, marker if marks else "", ms=5, **shared)
        size = min(8.5, 60 * gap * height)
        axes.text(1.09 if marks else 1.075, end, text, va="center", size=size, **shared)


# ------------------------------------------------------------------------------ pictures


def draw_picture(axes: Axes, picture: np.ndarray, title: str, **style: Any) -> None:
    """A picture with a title and nothing else around it."""
    axes.imshow(picture, **style)
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(False)
    axes.spines[:].set_visible(False)


def mosaic(tiles: np.ndarray, columns: int, across: int = 31, down: int = 31) -> np.ndarray:
    """Tiles (N, 28, 28) on one sheet, row by row, one every `across` and `down` pixels."""
    rows = max(1, -(-len(tiles) // columns))
    sheet = np.full((rows, down, columns, across), np.nan)
    for place, tile in enumerate(tiles):
        sheet[place // columns, :28, place % columns, :28] = tile
    return sheet.reshape(rows * down, columns * across)[:, : columns * across - (across - 28)]
