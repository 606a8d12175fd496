"""Draw the network of docs/how-it-works.md as it reads one image, with the numbers it computes.

python docs/network_drawing.py     # trains it for two epochs; docs/figures/network.png and .svg
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from minimal import forward, new_layer, train

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.figures.style import drawing

SHOWN = [10, 8, 6, 10]  # circles of each column; the logits are all there
COLUMNS = [2.2, 4.6, 7.0, 9.4]  # where the columns stand
SHOWN_IMAGE = 1469  # of the test images: a clear 3, but one that leaves the network some doubt
HEADS = ["784 pixels", "128 units", "64 units", "10 sums", "10 probabilities"]
MIDDLE, HEIGHT = 2.6, 4.0
POSITIVE, NEGATIVE, INK = "#d55e00", "#0072b2", "#222222"  # readable by the colour-blind


def trained_network() -> tuple[list, np.ndarray, np.ndarray]:
    """The layers of a trained 784-128-64-10 network, and the test images with their labels."""
    with np.load(Path(__file__).parents[1] / "data" / "mnist.npz") as data:
        x, x_test = (
            data[name].reshape(-1, 784) / np.float32(255) for name in ("x_train", "x_test")
        )
        labels, test_labels = data["y_train"], data["y_test"]
    rng = np.random.default_rng(0)
    layers = [new_layer(784, 128, rng), new_layer(128, 64, rng), new_layer(64, 10, rng)]
    train(layers, x, labels, 2, rng)
    return layers, x_test, test_labels


def heights(count: int, gap: bool) -> np.ndarray:
    """Where the circles of a column stand, with room for dots in the middle of a cut column."""
    places = np.arange(count, dtype=float)
    if gap:
        places[count // 2 :] += 1
    return MIDDLE + HEIGHT / 2 - places * HEIGHT / places[-1]


def draw_connections(axes: Axes, layer: int, weights: np.ndarray, places: list) -> None:
    """One line for each weight between circles shown: colour for its sign, width for its size."""
    weights = weights / np.abs(weights).max()
    for i, start in enumerate(places[layer]):
        for j, end in enumerate(places[layer + 1]):
            colour = POSITIVE if weights[i, j] > 0 else NEGATIVE
            size = abs(weights[i, j])
            ends = [COLUMNS[layer], COLUMNS[layer + 1]], [start, end]
            axes.plot(*ends, color=colour, alpha=0.15 + 0.6 * size, lw=0.3 + 1.5 * size, zorder=1)


def draw_column(axes: Axes, column: int, values: np.ndarray, places: np.ndarray) -> None:
    """Circles, the darker the larger their value; 0 is white."""
    shade = np.clip(values / max(values.max(), 1e-9), 0, 1)
    x = np.full(len(places), COLUMNS[column])
    axes.scatter(
        x, places, s=210, c=1 - 0.85 * shade, cmap="gray", vmin=0, vmax=1, ec=INK, zorder=2
    )
    gaps = -np.diff(places)
    if gaps.max() > 1.5 * gaps.min():
        middle = places[np.argmax(gaps)] - gaps.max() / 2
        axes.text(COLUMNS[column], middle, "⋮", ha="center", va="center", fontsize=15)


def write_labels(axes: Axes) -> None:
    """What the columns are; below, the way forward and the way back."""
    top = MIDDLE + HEIGHT / 2 + 0.5
    for x, head in zip([*COLUMNS, 11.1], HEADS):
        axes.text(x, top, head, ha="center", fontsize=12)
    bottom = MIDDLE - HEIGHT / 2 - 0.6
    forward_y, backward_y = bottom - 0.1, bottom - 0.6
    axes.annotate("", (12.2, forward_y), (-0.9, forward_y), arrowprops={"arrowstyle": "->"})
    axes.annotate("", (-0.9, backward_y), (12.2, backward_y), arrowprops={"arrowstyle": "->"})
    boxed = {"ha": "center", "va": "center", "fontsize": 12, "backgroundcolor": "white"}
    axes.text(5.8, forward_y, "forward: from the pixels to ten probabilities", **boxed)
    axes.text(5.8, backward_y, "backward: which way to change every weight and bias", **boxed)


def draw(axes: Axes, layers: list, x: np.ndarray) -> None:
    """The image x (1, 784), the network, and what each part of it answers."""
    inputs, logits = forward(layers, x)
    probabilities = np.exp(logits[0] - logits.max())
    probabilities /= probabilities.sum()
    values = [array[0] for array in inputs] + [np.maximum(logits[0], 0)]
    place = -1.3, 1.4, MIDDLE - 1.35, MIDDLE + 1.35
    axes.imshow(1 - x.reshape(28, 28), cmap="gray", extent=place, interpolation="nearest")
    axes.annotate("", (1.95, MIDDLE), (1.25, MIDDLE), arrowprops={"arrowstyle": "->"})
    kept = [np.linspace(180, 620, SHOWN[0]).astype(int), *map(np.arange, SHOWN[1:])]
    places = [heights(count, gap=column < 3) for column, count in enumerate(SHOWN)]
    for layer, (weights, _) in enumerate(layers):
        draw_connections(axes, layer, weights[np.ix_(kept[layer], kept[layer + 1])], places)
    for column, rows in enumerate(kept):
        draw_column(axes, column, values[column][rows], places[column])
    for digit, (p, y) in enumerate(zip(probabilities, places[3])):
        axes.text(9.95, y, digit, ha="center", va="center", fontsize=12)
        axes.barh(y, 1.4 * p, 0.26, left=10.3, color=INK)
        axes.text(10.4 + 1.4 * p, y, f"{p:.2f}", va="center", fontsize=11)
    write_labels(axes)
    axes.set(xlim=(-1.3, 12.3), ylim=(-0.9, 5.5), aspect="equal")
    axes.axis("off")


if __name__ == "__main__":
    network, images, _ = trained_network()
    for suffix in ("png", "svg"):
        path = Path(__file__).parent / "figures" / f"network.{suffix}"
        with drawing(path, (11, 5.3), "", "", (0.1, 0.05, 0.1, 0.05)) as figure:
            draw(figure.subplots(), network, images[[SHOWN_IMAGE]])
