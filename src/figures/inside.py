"""A look inside one network: is it healthy, what does it look for, what does it get wrong?"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from src.activations import softmax
from src.digits.augmentation import augment
from src.figures import style
from src.figures.curves import column, plot_curves
from src.model import NeuralNetwork
from src.utils import confusion_matrix, scale


def plot_layers(path: Path, title: str, history: list[dict], activation: str) -> None:
    """The health of each layer over the epochs. Only ReLU units can be dead."""
    count, epochs = len(history[0]["layers"]), column(history, "epoch")
    names = [f"layer {layer}" for layer in range(1, count)] + ["output"]
    quantities = {
        "dead_share": "hidden units that are dead",
        "activation_std": "spread of z (log scale)",
        "gradient_ratio": "|gradient| / |weights| (log scale)",
    }
    if activation != "relu" or count == 1:
        del quantities["dead_share"]
    looks = style.looks(names, ordered=True)
    figure, width = Figure((9, 3.0)), 7.65 / len(quantities) - 0.65
    for panel, (name, what) in enumerate(quantities.items()):
        axes = style.place(figure, 0.65 + panel * (width + 0.65), 0.5, width, 1.85)
        drawn, ends = [], []
        for layer, label in enumerate(names[: count - (name == "dead_share")]):
            values = column([row["layers"][layer] for row in history], name)
            if name != "dead_share":
                values[values <= 0] = np.nan  # no place on a log scale
            axes.plot(epochs, values, color=looks[label][0], lw=1.4)
            drawn.append(values)
            ends.append((label, float(values[-1]), looks[label]))
        if name == "dead_share":
            step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.25) if np.nanmax(drawn) <= 4 * s)
            ticks = step * np.arange(5)
            axes.set_ylim(-0.1 * step, 4.2 * step)
            axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
        else:
            style.log_axis(axes.yaxis, drawn)
        style.whole_axis(axes, 0, int(epochs[-1]))
        axes.set_title(what)
    style.label_ends(axes, ends)
    style.save(figure, path, title)


def plot_confusion(path: Path, labels: np.ndarray, predictions: np.ndarray, what: str) -> None:
    """Which digit is taken for which. Only the errors are coloured; the diagonal is right."""
    matrix = confusion_matrix(labels, predictions)
    errors = matrix - np.diag(np.diag(matrix))
    figure = Figure((6, 5.05))
    axes = style.place(figure, 0.6, 0.5, 4.6, 4.2)
    title = f"{errors.sum():,} of {len(labels):,} {what} images are misread"
    most = max(1, errors.max())
    style.draw_picture(axes, errors, title, cmap="Oranges", vmin=0, vmax=most, aspect="auto")
    axes.set(xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
    for digit, answer in np.argwhere(matrix):
        ink = "white" if errors[digit, answer] > most / 2 else "black"
        ink = "#999999" if digit == answer else ink
        axes.text(answer, digit, matrix[digit, answer], ha="center", va="center", color=ink)
    for digit, counts in enumerate(matrix):
        share = f"{counts[digit] / counts.sum():.1%}" if counts.any() else "none"
        axes.text(9.65, digit, share, va="center")
    axes.text(9.65, -0.75, "right")
    style.save(figure, path)


def plot_mistakes(
    path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """The 24 mistakes the network was surest of."""
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:24]
    rows, columns = max(1, -(-len(worst) // 8)), 8 if len(worst) > 8 else max(5, len(worst))
    figure = Figure((1.08 * columns + 0.3, 1.03 * rows + 0.5))
    axes = style.place(figure, 0.15, 0.12, 1.08 * columns, 1.03 * rows)
    what = f"The {len(worst)} most confident mistakes" if len(worst) > 1 else "The only mistake"
    title = f"{what}: true digit → answer, how sure" if len(worst) else "No mistakes"
    sheet = style.mosaic(images[worst].reshape(-1, 28, 28), columns, across=42, down=40)
    style.draw_picture(axes, sheet, title, cmap="gray_r", vmin=0, vmax=255)
    for place, row in enumerate(worst):
        text = f"{labels[row]} → {answers[row]}, {confidence[row]:.1%}"
        at = 42 * (place % columns) + 13.5, 40 * (place // columns) + 29
        axes.text(*at, text, ha="center", va="top", size=8)
    style.save(figure, path)


def most_important(network: NeuralNetwork, count: int) -> np.ndarray:
    """Numbers of first-layer units, by the norm of their incoming times their outgoing weights."""
    if len(network.weights) == 1:
        return np.arange(network.layer_sizes[1])  # the digits, in their order
    incoming, outgoing = network.weights[:2]
    importance = np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
    return np.argsort(-importance, kind="stable")[:count]


def unit_tiles(network: NeuralNetwork, units: np.ndarray) -> np.ndarray:
    """Their incoming weights (N, 28, 28), each unit's scaled to +-1 by its own largest."""
    tiles = network.weights[0].T[units].reshape(-1, 28, 28)
    largest = np.abs(tiles).max(axis=(1, 2), keepdims=True)
    return tiles / np.where(largest > 0, largest, 1)


def plot_first_layer(path: Path, network: NeuralNetwork) -> None:
    """What each first-layer unit looks for: its 784 weights as a picture, 40 units at most."""
    units, total = most_important(network, 40), network.layer_sizes[1]
    what = f"The {len(units)} most important of {total} first-layer units"
    if len(network.weights) == 1:
        what = "The weights of the digits 0 to 9"
    columns = next((c for c in (10, 8, 9, 7, 6) if len(units) % c == 0), min(len(units), 10))
    size = 8 / max(columns, 6)
    width, height = max(6, columns * size), -(-len(units) // columns) * size
    figure = Figure((width + 0.2, height + 0.6))
    axes = style.place(figure, 0.13, 0.1, width - 0.06, height)
    title = f"{what}\nink on red speaks for the unit, on blue against it; each has its own scale"
    sheet = style.mosaic(unit_tiles(network, units), columns)
    style.draw_picture(axes, sheet, title, cmap="RdBu_r", vmin=-1, vmax=1)
    style.save(figure, path)


def plot_augmentations(
    path: Path, digit: np.ndarray, seen: np.ndarray, strength: float, names: list[str]
) -> None:
    """One digit (1, 28, 28) uint8, how preprocessing leaves it (`seen`), and a row of eight for
    each augmentation in `names`.
    """
    rng = np.random.default_rng(0)
    drawn = [augment(scale(seen), name, strength, rng) for name in names for _ in range(8)]
    tiles = digit if np.array_equal(digit, seen) else np.concatenate([digit, seen])
    height, gray = 0.74 * len(names), {"cmap": "gray_r", "vmin": 0}
    figure = Figure((9, height + 0.75))
    left = style.place(figure, 0.15, height / 2 - 0.1, 0.85 * len(tiles), 0.85)
    style.draw_picture(left, style.mosaic(tiles, len(tiles), down=28), "", vmax=255, **gray)
    left.set_xticks([13.5, 44.5][: len(tiles)], ["original", "preprocessed"][: len(tiles)])
    right = style.place(figure, 3.0, 0.3, 5.9, height)
    sheet = style.mosaic(np.reshape(drawn, (-1, 28, 28)), 8)
    style.draw_picture(right, sheet, "", vmax=1, **gray)
    rows = [f"{name.replace('_', ' + ')}\nstrength {strength:g}" for name in names]
    right.set_yticks([31 * row + 13.5 for row in range(len(names))], rows)
    for axes in (left, right):
        axes.tick_params(length=0, labelsize=8.5)
    style.save(figure, path, "One digit, distorted anew each time it is trained on")


def run_figures(
    folder: Path,
    network: NeuralNetwork,
    history: list[dict],
    images: np.ndarray,
    shown: np.ndarray,
    labels: np.ndarray,
    what: str,
    train_images: int,
) -> None:
    """All figures of one run. `shown` are the images as they were before preprocessing, `what`
    names them; `train_images` is how many training images loss and accuracy were measured on.
    """
    last, layers = history[-1], style.architecture(network.layer_sizes[1:-1])
    title = f"{layers} after {last['epoch']:.0f} epoch{'s' * (last['epoch'] != 1)}"
    if np.isfinite(last["train_loss"]):
        title += f": train loss {last['train_loss']:.4f}"
    if np.isfinite(last["validation_accuracy"]):
        title += f", validation accuracy {last['validation_accuracy']:.2%}"
    plot_curves(folder / "curves.png", title, [history], train_images)
    plot_layers(folder / "layers.png", f"{layers}, layer by layer", history, network.activation)
    plot_first_layer(folder / "first_layer.png", network)
    probabilities = softmax(network.forward(scale(images))[0])
    plot_confusion(folder / "confusion.png", labels, probabilities.argmax(axis=1), what)
    plot_mistakes(folder / "mistakes.png", shown, labels, probabilities)


def draw_run(folder: Path, run: Any, data: Any, suffix: str = "png") -> None:
    """All figures of a finished run: interim, until the figures are rebuilt."""
    from src.digits.data import split
    from src.digits.preprocessing import PREPROCESSING

    config = run.config
    _, rows = split(len(data.images), config.validation_fraction, config.split_seed)
    shown, labels, what = data.images[rows], data.labels[rows], "validation"
    if len(rows) == 0:
        shown, labels, what = data.test_images, data.test_labels, "test"
    images = PREPROCESSING[config.preprocessing](shown)
    count = len(run.network.weights)
    history = [
        row | {"layers": run.layers[i * count : (i + 1) * count]}
        for i, row in enumerate(run.history)
    ]
    run_figures(folder, run.network, history, images, shown, labels, what, 5000)
