"""Draw the network of the worked example in docs/how-it-works.md with all of its numbers.

python docs/worked_example_drawing.py     # docs/figures/worked_example.png and .svg
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from worked_example import compute, loss_at, written

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.figures import style

FORWARD, BACKWARD = "black", style.COLOURS[1]
COLUMNS, ROWS = (0.0, 3.0, 6.0), (2.5, 0.0)  # where inputs, units and logits stand


def number(value: float) -> str:
    """As the page writes it, with two decimals at most where that is what it has."""
    return written(np.array(value)).replace("-", "−")


def draw_line(axes: Axes, layer: int, start: int, end: int, weight: float, slope: float) -> None:
    """A weight, and its gradient in orange, on either side of the line."""
    left, right = (COLUMNS[layer], ROWS[start]), (COLUMNS[layer + 1], ROWS[end])
    axes.plot(*zip(left, right), color=style.GREY, lw=1, ls="-" if slope else ":", zorder=1)
    if start == end:
        x, y = (left[0] + right[0]) / 2, left[1]
        axes.text(x, y + 0.06, number(weight), color=FORWARD, ha="center", va="bottom", size=11)
        axes.text(x, y - 0.06, number(slope), color=BACKWARD, ha="center", va="top", size=11)
    else:
        x, y = (a + 0.27 * (b - a) for a, b in zip(left, right))
        axes.text(x - 0.16, y, number(weight), color=FORWARD, ha="right", va="center", size=11)
        axes.text(x + 0.16, y, number(slope), color=BACKWARD, ha="left", va="center", size=11)


def draw_unit(axes: Axes, column: int, row: int, forward: str, backward: str) -> None:
    """A circle; outside the network, its values and, in orange, their gradients: line by line."""
    x, y = COLUMNS[column], ROWS[row]
    axes.plot(x, y, "o", ms=24, mec="black", mfc="#cccccc" if "a = 0" in forward else "white")
    y, side = (y + 0.28, "bottom") if row == 0 else (y - 0.28, "top")
    shared: dict = {"va": side, "size": 11, "linespacing": 1.3}
    axes.text(x - 0.1, y, forward, color=FORWARD, ha="right", **shared)
    axes.text(x + 0.1, y, backward, color=BACKWARD, ha="left", **shared)


def draw_network(axes: Axes, values: dict[str, np.ndarray]) -> None:
    """Inputs, units and logits with their numbers, and all weights with theirs."""
    for layer in (0, 1):
        for start, end in np.ndindex(2, 2):
            weight, slope = (values[f"{d}weights[{layer}]"][start, end] for d in ("", "d_"))
            draw_line(axes, layer, start, end, weight, slope)
    pairs = {name: value.ravel() for name, value in values.items() if value.size == 2}
    for row in (0, 1):
        of = {name: number(pair[row]) for name, pair in pairs.items()}
        draw_unit(axes, 0, row, f"x = {of['x']}", "")
        forward = f"b = {of['biases[0]']}\nz = {of['z']}\na = {of['a']}"
        backward = f"db = {of['d_biases[0]']}\ndz = {of['dz']}\nda = {of['da']}"
        draw_unit(axes, 1, row, forward, backward)
        forward = f"b = {of['biases[1]']}\nz = {of['logits']}\np = {of['probabilities']}"
        backward = f"db = {of['d_biases[1]']}\ndz = {of['d_logits']}\n "
        draw_unit(axes, 2, row, forward, backward)
    loss = f"loss = −log p of class 0 = {number(values['loss'])}"
    axes.text(6.5, ROWS[0], "class 0, the true one", va="center", size=11)
    axes.text(6.5, ROWS[1], "class 1", va="center", size=11)
    axes.text(3.0, -1.45, f"forward, in black: {loss}", ha="center", size=11)
    backward_text = "backward, in orange: the gradient, how fast the loss rises with each number"
    axes.text(3.0, -1.75, backward_text, ha="center", size=11, color=BACKWARD)
    axes.set(xlim=(-0.7, 8.1), ylim=(-1.9, 3.55))
    axes.axis("off")


def draw_slope(axes: Axes, values: dict[str, np.ndarray]) -> None:
    """The loss as weights[0][0, 0] changes, its tangent, and the step that learning takes."""
    weight, slope = values["weights[0]"][0, 0], values["d_weights[0]"][0, 0]
    loss, new = float(values["loss"]), values["new weights[0]"][0, 0]
    places = np.linspace(0, 1.5, 61)
    axes.plot(places, [float(loss_at(place)) for place in places], color=style.GREY)
    tangent = np.array([weight - 0.45, weight + 0.6])
    axes.plot(tangent, loss + slope * (tangent - weight), color=BACKWARD, lw=1.2)
    axes.plot(weight, loss, "o", color="black", ms=6)
    axes.text(weight + 0.07, loss + 0.03, f"({number(weight)}, {loss:.3f})", size=10)
    axes.text(1.02, 0.72, f"slope {number(slope)}", color=BACKWARD, size=10, ha="right")
    axes.annotate("", (new, 0.13), (weight, 0.13), arrowprops={"arrowstyle": "->", "lw": 1.5})
    axes.vlines([weight, new], 0, [loss, float(loss_at(new))], color=style.GREY, lw=0.7, ls=":")
    step = f"step 0.1 × {number(-slope)} = {number(new - weight)}"
    axes.text(new + 0.04, 0.13, step, size=9, va="center")
    axes.set(xlim=(0, 1.5), ylim=(0, 2.0), xlabel="weights[0][0, 0]")
    axes.set_title("loss, as one weight changes")


if __name__ == "__main__":
    table = {name: value for part in compute().values() for name, value in part.items()}
    for suffix in ("png", "svg"):
        path = Path(__file__).parent / "figures" / f"worked_example.{suffix}"
        title, margins = "The worked example: one image, one step", (0.1, 0.65, 0.2, 0.75)
        with style.drawing(path, (12.5, 5.6), title, "", margins) as figure:
            left, right = figure.subplots(1, 2, width_ratios=[2.9, 1])
            draw_network(left, table)
            draw_slope(right, table)
