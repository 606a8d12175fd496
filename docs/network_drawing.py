"""Draw the network of docs/how-it-works.md as it reads one image, with the numbers it computes.

python docs/network_drawing.py     # trains it for two epochs, then draws docs/figures/network.png
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from minimal import forward, new_layer, train

ROOT = Path(__file__).resolve().parents[1]
SHOWN = [10, 8, 6, 10]  # circles of each column; the logits are all there
COLUMNS = [2.2, 4.6, 7.0, 9.4]  # where the columns stand
SHOWN_IMAGE = 1469  # of the test images: a clear 3, but one that leaves the network some doubt
MIDDLE, HEIGHT = 2.6, 4.0
POSITIVE, NEGATIVE, INK = "#d55e00", "#0072b2", "#222222"  # readable by the colour-blind


def trained_network() -> tuple[list, np.ndarray, np.ndarray]:
    """The layers of a trained 784-128-64-10 network, and the test images with their labels."""
    with np.load(ROOT / "data" / "mnist.npz") as data:
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


def draw_connections(axes: plt.Axes, layer: int, weights: np.ndarray, places: list) -> None:
    """One line for each weight between circles shown: colour for its sign, width for its size."""
    weights = weights / np.abs(weights).max()
    for i, start in enumerate(places[layer]):
        for j, end in enumerate(places[layer + 1]):
            colour = POSITIVE if weights[i, j] > 0 else NEGATIVE
            size = abs(weights[i, j])
            ends = [COLUMNS[layer], COLUMNS[layer + 1]], [start, end]
            axes.plot(*ends, color=colour, alpha=0.15 + 0.6 * size, lw=0.3 + 1.5 * size, zorder=1)


def draw_column(axes: plt.Axes, column: int, values: np.ndarray, places: np.ndarray) -> None:
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


def write_labels(axes: plt.Axes, label: int, loss: float) -> None:
    """Names and shapes, those of the page; below, the way forward and the way back."""
    top = MIDDLE + HEIGHT / 2 + 0.4
    heads = ["784 pixels", "128 units", "64 units", "10 logits", "10 probabilities"]
    formulas = ["x", "a = relu(z)", "a = relu(z)", "z", "p = softmax(z)"]
    for x, head, formula in zip([*COLUMNS, 11.1], heads, formulas):
        axes.text(x, top + 0.35, head, ha="center", fontsize=12)
        axes.text(x, top, formula, ha="center", fontsize=12, style="italic")
    bottom = MIDDLE - HEIGHT / 2 - 0.35
    for left, right, shape in zip(COLUMNS, COLUMNS[1:], ["784 × 128", "128 × 64", "64 × 10"]):
        weights = f"weights W\n{shape}"
        axes.text((left + right) / 2, bottom, weights, ha="center", va="top", fontsize=11)
    forward_y, backward_y = bottom - 1.15, bottom - 1.65
    axes.annotate("", (12.2, forward_y), (-0.9, forward_y), arrowprops={"arrowstyle": "->"})
    axes.annotate("", (-0.9, backward_y), (12.2, backward_y), arrowprops={"arrowstyle": "->"})
    boxed = {"ha": "center", "va": "center", "fontsize": 12, "backgroundcolor": "white"}
    axes.text(
        5.8,
        forward_y,
        f"forward: probabilities, and the loss −log p[{label}] = {loss:.2f}",
        **boxed,
    )
    axes.text(5.8, backward_y, "backward: the gradient of the loss, for every W and b", **boxed)


def draw(path: Path) -> None:
    layers, images, labels = trained_network()
    x = images[[SHOWN_IMAGE]]
    inputs, logits = forward(layers, x)
    probabilities = np.exp(logits[0] - logits.max())
    probabilities /= probabilities.sum()
    values = [array[0] for array in inputs] + [np.maximum(logits[0], 0)]

    figure, axes = plt.subplots(figsize=(11, 5.7), dpi=130, layout="constrained")
    axes.imshow(
        1 - x.reshape(28, 28), cmap="gray", extent=(-1.3, 1.4, MIDDLE - 1.35, MIDDLE + 1.35)
    )
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
    write_labels(axes, labels[SHOWN_IMAGE], -np.log(probabilities[labels[SHOWN_IMAGE]]))
    axes.set(xlim=(-1.2, 12.4), ylim=(-1.7, 5.9), aspect="equal")
    axes.axis("off")
    figure.savefig(path)


if __name__ == "__main__":
    draw(ROOT / "docs" / "figures" / "network.png")
