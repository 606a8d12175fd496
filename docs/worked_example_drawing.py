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
    """A weight: its value above the line, and its gradient, in orange, below."""
    left, right = (COLUMNS[layer], ROWS[start]), (COLUMNS[layer + 1], ROWS[end])
    silent = slope == 0
    axes.plot(*zip(left, right), color=style.GREY, lw=1, ls=":" if silent else "-", zorder=1)
    along = 0.5 if start == end else 0.27
    x, y = (a + along * (b - a) for a, b in zip(left, right))
    box = {"boxstyle": "square,pad=0.1", "color": "white"}
    shared: dict = {"ha": "center", "size": 11, "bbox": box, "zorder": 2}
    axes.text(x, y + 0.02, number(weight), color=FORWARD, va="bottom", **shared)
    axes.text(x, y - 0.04, number(slope), color=BACKWARD, va="top", **shared)


def draw_unit(axes: Axes, column: int, row: int, forward: list[str], backward: list[str]) -> None:
    """A circle, what goes forward above it, and the gradients below."""
    at = COLUMNS[column], ROWS[row]
    silent = "a = 0" in forward
    axes.plot(*at, "o", ms=24, mec="black", mfc="#cccccc" if silent else "white", zorder=3)
    shared: dict = {"ha": "center", "size": 11, "linespacing": 1.3}
    axes.text(at[0], at[1] + 0.28, "\n".join(forward), color=FORWARD, va="bottom", **shared)
    axes.text(at[0], at[1] - 0.28, "\n".join(backward), color=BACKWARD, va="top", **shared)


def draw_network(axes: Axes, values: dict[str, np.ndarray]) -> None:
    """Inputs, units and logits with their numbers, and all weights with theirs."""
    for layer in (0, 1):
        for start, end in np.ndindex(2, 2):
            weight, slope = (values[f"{d}weights[{layer}]"][start, end] for d in ("", "d_"))
            draw_line(axes, layer, start, end, weight, slope)
    for row in (0, 1):
        draw_unit(axes, 0, row, [f"x = {number(values['x'][0, row])}"], [])
        for column, layer, names in ((1, 0, ("z", "a")), (2, 1, ("logits", "probabilities"))):
            bias, slope = (values[f"{d}biases[{layer}]"][row] for d in ("", "d_"))
            z, a = (number(values[name][0, row]) for name in names)
            forward = [f"b = {number(bias)}", f"z = {z}", f"{'a' if layer == 0 else 'p'} = {a}"]
            d_z = values["dz" if layer == 0 else "d_logits"][0, row]
            backward = [f"da = {number(values['da'][0, row])}"] if layer == 0 else []
            backward += [f"dz = {number(d_z)}", f"db = {number(slope)}"]
            draw_unit(axes, column, row, forward, backward)
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
    step = f"a step of 0.1 × {number(-slope)} = {number(new - weight)}"
    axes.text(new + 0.04, 0.13, step, size=9, va="center")
    axes.set(xlim=(0, 1.5), ylim=(0, 2.0), xlabel="weights[0][0, 0]")
    axes.set_title("loss, as one weight changes")


if __name__ == "__main__":
    table = {name: value for part in compute().values() for name, value in part.items()}
    for suffix in ("png", "svg"):
        path = Path(__file__).parent / "figures" / f"worked_example.{suffix}"
        with style.drawing(path, (12.5, 6.2), "The worked example: one image, one step") as figure:
            draw_network(style.place(figure, 0.1, 0.1, 8.7, 5.7), table)
            draw_slope(style.place(figure, 9.3, 1.2, 3.0, 3.8), table)
