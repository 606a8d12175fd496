"""What all figures share: the look, colours, scales, pictures, and how a figure is saved."""

import textwrap
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from src.common.files import replacing

# Of many sets, one whose closest two colours are far apart for readers with deuteranopia,
# protanopia and neither; line styles tell the rest apart.
COLOURS = ["#0072B2", "#D55E00", "#44AA99", "#000000", "#56B4E9", "#882255"]
DASHES = ["-", "--", "-.", ":"]
GREY = "#767676"  # as light as text may be on white

Look = dict[str, Any]  # colour and line style, as axes.plot takes them


def our_look() -> AbstractContextManager:
    """Inside `with`, matplotlib has our settings and no one else's; afterwards the host's again."""
    look = Path(__file__).with_name("look.mplstyle")
    return matplotlib.style.context(look, after_reset=True)


@contextmanager
def drawing(
    path: Path, size: tuple[float, float], title: str = "", foot: str = "", **options: Any
) -> Iterator[Figure]:
    """A figure of this size in inches to draw on, saved as the PNG, SVG or PDF that `path` names.

    with drawing(path, (9, 4), "title", "small print") as figure: ...
    """
    with our_look(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        figure = Figure(size, **options)
        yield figure
        figure.suptitle(short(title, int(11 * size[0])), size=11.5)
        print_small = textwrap.wrap(short(foot, int(32 * size[0])), int(16.5 * size[0]))
        figure.text(0.015, 0.06 / size[1], "\n".join(print_small), size=8)
        quick: dict = {"pil_kwargs": {"compress_level": 3}} if path.suffix == ".png" else {}
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], **quick)


def short(text: object, limit: int) -> str:
    """A text on one line, with an ellipsis where it is too long for its place."""
    line = " ".join(str(text).split()).encode("utf-8", "replace").decode("utf-8")
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def wrapped(label: str, width: int = 24) -> str:
    """A label on as many lines as it needs."""
    return "\n".join(textwrap.wrap(short(label, 100), width))


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes of this size at this place, in inches: far quicker than measuring every label."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def legend(figure: Figure, left: float, top: float) -> None:
    """Name what has a label in the first axes, in black and in the order of drawing."""
    across, up = figure.get_size_inches()
    named = figure.axes[0].get_legend_handles_labels()
    figure.legend(*named, loc="upper left", bbox_to_anchor=(left / across, top / up))


def looks(labels: Iterable[str], ordered: bool = False) -> dict[str, Look]:
    """The look of each label, by its place among all: 24 differ. `ordered` values (learning rates,
    layers) run through viridis, which is even, safe for the colour-blind, and at its end too light.
    """
    names = list(labels)
    inks = [COLOURS[n % len(COLOURS)] for n in range(len(names))]
    if ordered:
        inks = [to_hex(ink) for ink in colormaps["viridis"](np.linspace(0, 0.82, len(names)))]
    turns = [(n + n // len(COLOURS)) % len(DASHES) for n in range(len(names))]
    return {n: {"color": ink, "ls": DASHES[turn]} for n, ink, turn in zip(names, inks, turns)}


def marks(count: int) -> dict[str, Any]:
    """Dots for a curve of few points, as axes.plot takes them: of one point there is no line."""
    return {"marker": "o", "ms": 4, "clip_on": False} if count < 4 else {}


def architecture(hidden: Iterable[int]) -> str:
    """784-128-64-10 for the hidden layers (128, 64)."""
    return "-".join(map(str, [784, *hidden, 10]))


def percent_wrong(accuracy: Any) -> np.ndarray:
    """Wrong answers in percent; 0 becomes 0.004, so that a log scale has a place for it."""
    return np.maximum(100 * (1 - np.asarray(accuracy, dtype=float)), 4e-3)


def whole_axis(axes: Axes, first: int, last: int, label: str = "epoch") -> None:
    """A horizontal axis of whole numbers from the first to the last."""
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    axes.set(xlim=(first, max(last, first + 1)), xlabel=label)


def log_axis(axis: Any, values: Iterable[np.ndarray], unit: str = "", least: float = 2.0) -> None:
    """A log scale around the values, no narrower than a factor of `least`, so that what hardly
    moves looks like it. What is 0 has no place there and is not drawn. `unit` "%" ends at 100%.
    """
    shown = np.concatenate([np.ravel(value) for value in values] or [np.ones(1)])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    low, high = (shown.min(), shown.max()) if len(shown) else (0.1, 1.0)
    edge = max((high / low) ** 0.06, (least * low / high) ** 0.5)
    low, high = low / edge, min(high * edge, 100 if unit == "%" else np.inf)
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high), f"{axis.axis_name}scale": "log"})
    steps: dict[float, Any] = {3: np.arange(1, 10, 0.5), 6: (1, 1.5, 2, 3, 4, 5, 7)}
    steps |= {30: (1, 2, 5), 300: (1, 3), np.inf: (1,)}  # up to a range of: ticks in each decade
    digits = next(steps[reach] for reach in steps if high < reach * low)
    axis.set_major_locator(LogLocator(subs=digits, numticks=8))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.6g}{unit}".replace("e-0", "e-"))
    )
    axis.set_minor_locator(NullLocator())


def draw_picture(axes: Axes, picture: np.ndarray, title: str, **style: Any) -> None:
    """A picture with a title and nothing else around it, pixel by pixel."""
    axes.imshow(picture, interpolation="nearest", **style)
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(False)
    axes.spines[:].set_visible(False)


def mosaic(tiles: np.ndarray, columns: int, across: int = 31, down: int = 31) -> np.ndarray:
    """Tiles (N, 28, 28) on one sheet, row by row, one every `across` and `down` pixels."""
    rows = max(1, -(-len(tiles) // columns))
    sheet = np.full((rows, down, columns, across), np.nan)
    for number, tile in enumerate(tiles):
        sheet[number // columns, :28, number % columns, :28] = tile
    return sheet.reshape(rows * down, columns * across)[:, : columns * across - (across - 28)]


def keep_only(folder: Path, names: list[str]) -> None:
    """Remove the figures that were listed here before and are not among `names`, and list these.

    What others have put into the folder stays.
    """
    listed = folder / ".figures"
    before = listed.read_text("utf-8", "replace").splitlines() if listed.is_file() else []
    for old in set(before) - set(names):
        if (path := folder / Path(old).name).is_file():
            path.unlink()
    with replacing(listed) as temporary:
        temporary.write_text("\n".join(names), encoding="utf-8")
