"""Histories and pictures to PNG. Only this module knows matplotlib; no window is ever opened."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter

from src.diagnostics import confusion_matrix
from src.digits.augmentation import AUGMENTATIONS, augment
from src.files import replacing
from src.model import NeuralNetwork
from src.utils import scale

# Told apart by colour-blind readers too (Okabe & Ito, 2008), without their yellow.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A5A2B"]
rcParams.update(
    {
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,  # makes room for labels and legends by itself
        "figure.constrained_layout.w_pad": 0.1,
        "figure.constrained_layout.h_pad": 0.1,
        "figure.titlesize": 11,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
)
PERCENT = PercentFormatter(1)


def save(figure: Figure, path: Path, title: str = "") -> None:
    """Write the PNG, with a title above all its axes, and rename it into place."""
    if title:
        figure.suptitle(title)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def colour(number: int) -> str:
    """The colour of the configuration, layer or row with this number."""
    return COLOURS[number % len(COLOURS)]


def architecture(hidden: tuple[int, ...] | list[int]) -> str:
    """784-128-64-10 for the hidden layers (128, 64)."""
    return "-".join(map(str, [784, *hidden, 10]))


# ------------------------------------------------------------------------------- curves


def column(history: list[dict], name: str) -> np.ndarray:
    """One column of a history."""
    return np.array([row[name] for row in history], dtype=float)


def above_zero(values: np.ndarray) -> np.ndarray:
    """NaN for 0, which has no place on a log axis: the line ends there."""
    return np.where(values > 0, values, np.nan)


def accuracy_limits(curves: list[np.ndarray]) -> tuple[float, float]:
    """Axis limits that show where the curves (one accuracy an epoch) differ, not the first climb.

    The later four fifths of each curve fit in, or all of it if there are only a few epochs; one
    that never learns is not cut off.
    """
    later = np.concatenate([curve[len(curve) // 5 :] for curve in curves])
    later = later[np.isfinite(later)]
    if not len(later):
        return 0.0, 1.0
    low, high = float(later.min()), float(later.max())
    margin = max(0.002, 0.08 * (high - low))
    return low - margin, min(1.0 + margin / 4, high + margin)


def draw_curves(size: tuple[float, float], curves: list[list[list[dict]]]) -> tuple[Figure, Axes]:
    """A figure and its loss axes: of each configuration, one history a seed.

    Mean over the seeds with a band from lowest to highest: validation solid, train dashed.
    """
    figure = Figure(size)
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    accuracies: list[np.ndarray] = []
    for number, histories in enumerate(curves):
        epochs, style = column(histories[0], "epoch"), {"color": colour(number)}
        for axes, quantity in ((loss_axes, "loss"), (accuracy_axes, "accuracy")):
            train, validation = (
                np.array([column(history, f"{part}_{quantity}") for history in histories])
                for part in ("train", "validation")
            )
            if not np.isnan(validation).all():
                axes.plot(epochs, validation.mean(axis=0), lw=1.8, label="validation", **style)
                band = validation.min(axis=0), validation.max(axis=0)
                axes.fill_between(epochs, *band, alpha=0.15, lw=0, **style)
            axes.plot(epochs, train.mean(axis=0), "--", lw=1, label="train (5,000 images)", **style)
        accuracies += [*train, *validation]  # the loop above ends with accuracy
    for axes in (loss_axes, accuracy_axes):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss_axes.set(ylabel="loss (log scale)", yscale="log", title="Cross-entropy loss")
    accuracy_axes.set(ylabel="accuracy", title="Accuracy", ylim=accuracy_limits(accuracies))
    accuracy_axes.yaxis.set_major_formatter(PERCENT)
    return figure, loss_axes


def plot_curves(path: Path, title: str, histories: list[list[dict]]) -> None:
    """Loss and accuracy of one configuration, one history a seed."""
    figure, loss_axes = draw_curves((9, 3.9), [histories])
    loss_axes.legend()
    save(figure, path, title)


def plot_comparison(path: Path, title: str, curves: dict[str, list[list[dict]]]) -> None:
    """Every configuration of an experiment in one figure: label -> one history a seed."""
    figure, _ = draw_curves((11, 4.4), list(curves.values()))
    lines = [Line2D([], [], color=colour(i), label=label) for i, label in enumerate(curves)]
    lines.append(Line2D([], [], color="grey", label="validation"))
    lines.append(Line2D([], [], color="grey", ls="--", lw=1, label="train (5,000 images)"))
    figure.legend(handles=lines, loc="outside right center")
    save(figure, path, title)


# ------------------------------------------------------- one figure that answers the question


def spread(values: list[float]) -> tuple[float, list[list[float]]]:
    """Mean, and error bars down to the lowest and up to the highest value."""
    mean = float(np.mean(values))
    return mean, [[mean - min(values)], [max(values) - mean]]


def plot_ranking(path: Path, title: str, results: dict[str, list[dict]]) -> None:
    """What each configuration reaches (every seed a tick, the mean a dot) and what it costs.

    Validation accuracy after the last epoch, or, of runs that validated on nothing, the test set's.
    """
    name, what = "last_validation_accuracy", "validation accuracy after the last epoch"
    if any(np.isnan(run[name]) for metrics in results.values() for run in metrics):
        name, what = "test_accuracy", "test accuracy"
    figure = Figure((9.5, 1.5 + 0.36 * len(results)))
    axes, cost = figure.subplots(1, 2, sharey=True)
    note = {"textcoords": "offset points", "fontsize": 8}
    for row, metrics in enumerate(results.values()):
        accuracies = [run.get(name, np.nan) for run in metrics]
        mean, bar = spread(accuracies)
        axes.errorbar(mean, row, xerr=bar, fmt="o", color=colour(row), ms=7, capsize=4)
        axes.plot(accuracies, [row] * len(accuracies), "|", color=colour(row), ms=9)
        axes.annotate(f"{mean:.2%}", (mean, row), (0, 8), ha="center", **note)
        seconds = np.mean([run["seconds"] for run in metrics])
        cost.barh(row, seconds, height=0.5, color=colour(row))
        cost.annotate(f"{seconds:.1f} s", (seconds, row), (4, -3), **note)
    axes.set(xlabel=what, ylim=(len(results) - 0.5, -0.7))
    axes.set_yticks(range(len(results)), list(results))
    axes.xaxis.set_major_formatter(PERCENT)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.margins(x=0.12)
    cost.set_xlabel("seconds of training")
    cost.margins(x=0.12)
    save(figure, path, title)


def plot_cost(path: Path, title: str, results: dict[str, list[dict]]) -> None:
    """Accuracy against what it costs: parameters, and seconds of training."""
    figure = Figure((11, 4.4))
    for axes, cost in zip(figure.subplots(1, 2), ("parameters", "seconds")):
        for number, (label, metrics) in enumerate(results.items()):
            x, x_bar = spread([run[cost] for run in metrics])
            y, y_bar = spread([run["last_validation_accuracy"] for run in metrics])
            style = {"color": colour(number), "ms": 6, "capsize": 3, "label": label}
            axes.errorbar(x, y, yerr=y_bar, xerr=x_bar, fmt="o", **style)
        axes.set(xlabel=f"{cost} (log scale)", xscale="log", ylabel="validation accuracy")
        axes.yaxis.set_major_formatter(PERCENT)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter("")
    figure.legend(handles=axes.containers, loc="outside right center")
    save(figure, path, title)


def plot_signal(path: Path, title: str, layers: dict[str, list[dict]]) -> None:
    """How large activations and gradients are in each layer before training: label -> layers."""
    figure = Figure((11, 4.4))
    names = {"activation_std": "pre-activations z", "gradient_std": "weight gradients dL/dW"}
    for axes, (name, what) in zip(figure.subplots(1, 2), names.items()):
        for number, (label, rows) in enumerate(layers.items()):
            style = {"color": colour(number), "ms": 4, "label": label}
            axes.plot(column(rows, "layer"), above_zero(column(rows, name)), "o-", **style)
        axes.set(xlabel="layer", ylabel="standard deviation (log scale)", yscale="log", title=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(handles=axes.lines, loc="outside right center")
    save(figure, path, title)


# ------------------------------------------------------------------- a look inside one network


def plot_layers(path: Path, history: list[dict]) -> None:
    """The health of each layer over the epochs."""
    figure = Figure((10.5, 3.6))
    panels = figure.subplots(1, 3)
    count = len(history[0]["layers"])
    for axes, name, title, yscale in (
        (panels[0], "dead_share", "dead ReLU units", "linear"),
        (panels[1], "activation_std", "spread of pre-activations z", "log"),
        (panels[2], "gradient_ratio", "|gradient| / |weights|", "log"),
    ):
        for layer in range(count - (name == "dead_share")):  # the output has no ReLU
            values = column([row["layers"][layer] for row in history], name)
            label = f"layer {layer + 1}" if layer < count - 1 else "output"
            shown = above_zero(values) if yscale == "log" else values
            axes.plot(column(history, "epoch"), shown, color=colour(layer), label=label)
        axes.set(xlabel="epoch", title=title, yscale=yscale)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylim(-0.02, 1.02)
    panels[0].yaxis.set_major_formatter(PercentFormatter(1))
    panels[1].legend(ncols=1 + count // 6)
    save(figure, path)


def draw_picture(axes: Axes, picture: np.ndarray, title: str, **style: Any) -> None:
    """A picture with a title and nothing else around it."""
    axes.imshow(picture, **style)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, parse_math=False)


def mosaic(tiles: np.ndarray, columns: int, gap: int = 3) -> np.ndarray:
    """Tiles (N, 28, 28) on one sheet, row by row, `gap` blank pixels after each."""
    rows, side = max(1, -(-len(tiles) // columns)), 28 + gap
    sheet = np.full((rows, side, columns, side), np.nan)
    for number, tile in enumerate(tiles):
        row, place = divmod(number, columns)
        sheet[row, :28, place, :28] = tile
    return sheet.reshape(rows * side, columns * side)


def plot_confusion(path: Path, labels: np.ndarray, predictions: np.ndarray, what: str) -> None:
    """Which digit is taken for which. Only the errors are coloured; the diagonal is right."""
    matrix = confusion_matrix(labels, predictions)
    errors = matrix - np.diag(np.diag(matrix))
    figure = Figure((6.4, 5.6))
    axes = figure.subplots()
    title = f"{errors.sum():,} of {len(labels):,} {what} images are misread"
    draw_picture(axes, errors, title, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
    axes.set(xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
    for digit, counts in enumerate(matrix):
        for answer, count in enumerate(counts):
            shade = "white" if errors[digit, answer] > errors.max() / 2 else "black"
            shade = "#999999" if digit == answer else shade
            axes.text(answer, digit, count or "", ha="center", va="center", color=shade)
        share = f"{counts[digit] / counts.sum():.1%}" if counts.any() else "none"
        axes.text(9.75, digit, share, va="center")
    axes.text(9.75, -0.8, "right")
    save(figure, path)


def plot_mistakes(
    path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """The 24 mistakes the network was surest of: true digit, answer, confidence."""
    answers = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:24]
    title = f"The {len(worst)} most confident mistakes" if len(worst) else "No mistakes"
    figure = Figure((8, 3.6))
    axes = figure.subplots()
    draw_picture(axes, mosaic(images[worst], 8, gap=14), title, cmap="gray_r", vmin=0, vmax=255)
    for number, row in enumerate(worst):
        y, x = divmod(number, 8)
        text = f"{labels[row]}, read as {answers[row]}\n{confidence[row]:.1%} sure"
        axes.text(x * 42 + 14, y * 42 + 29, text, ha="center", va="top", fontsize=7.5)
    save(figure, path)


def plot_first_layer(path: Path, network: NeuralNetwork) -> None:
    """What each first-layer unit looks for: its 784 weights as a picture, 40 units at most.

    Most important first: the norm of a unit's incoming times that of its outgoing weights.
    """
    weights = network.weights[0]
    if len(network.weights) > 1:
        outgoing = np.linalg.norm(network.weights[1], axis=1)
        importance = np.linalg.norm(weights, axis=0) * outgoing
        order = np.argsort(-importance, kind="stable")[:40]
        what = f"The {len(order)} most important of {weights.shape[1]} first-layer units"
    else:
        order, what = np.arange(weights.shape[1]), "The weights of the digits 0 to 9"
    tiles = weights.T[order].reshape(-1, 28, 28)
    largest = np.abs(tiles).max(axis=(1, 2), keepdims=True)
    sheet = mosaic(tiles / np.where(largest > 0, largest, 1), 10)
    figure = Figure((8, 0.6 + 0.75 * -(-len(tiles) // 10)))
    title = f"{what}: ink on red speaks for the unit, on blue against it"
    draw_picture(figure.subplots(), sheet, title, cmap="RdBu_r", vmin=-1, vmax=1)
    save(figure, path)


def plot_augmentations(path: Path, digit: np.ndarray, seen: np.ndarray, strength: float) -> None:
    """One digit (1, 28, 28) uint8, preprocessed, and then ten times under each augmentation."""
    rng = np.random.default_rng(0)
    rows = {"as it is": np.repeat(digit, 10, axis=0), "preprocessed": np.repeat(seen, 10, axis=0)}
    for name in AUGMENTATIONS:
        drawn = [augment(scale(seen), name, strength, rng) for _ in range(10)]
        rows[name.replace("_", ", ")] = np.reshape(drawn, (10, 28, 28)) * 255
    figure = Figure((8, 5))
    axes = figure.subplots()
    title = f"One digit under each augmentation, strength {strength:g}"
    draw_picture(axes, mosaic(np.concatenate(list(rows.values())), 10), title, cmap="gray_r")
    axes.set_yticks([31 * number + 14 for number in range(len(rows))], list(rows))
    axes.tick_params(length=0)
    save(figure, path)


def plot_predictions(
    path: Path,
    names: list[str],
    originals: list[np.ndarray],
    seen: np.ndarray,
    probabilities: np.ndarray,
) -> None:
    """A row a picture, 20 at most: the original, what the network saw, the ten probabilities.

    originals: (H, W, 3) uint8 each; seen: (N, 28, 28); probabilities: (N, 10).
    """
    rows = min(len(names), 20)
    figure = Figure((8, 0.6 + 1.35 * rows))
    grid = figure.subplots(rows, 3, squeeze=False, width_ratios=[1.6, 1, 3.2])
    for axes, name, original, image, row in zip(grid, names, originals, seen, probabilities):
        answer = row.argmax()
        draw_picture(axes[0], original, name if len(name) <= 24 else f"{name[:23]}…")
        draw_picture(axes[1], image, "seen as", cmap="gray_r", vmin=0, vmax=255)
        axes[2].bar(range(10), row, color=[colour(digit == answer) for digit in range(10)])
        axes[2].set(xticks=range(10), yticks=[], ylim=(0, 1))
        axes[2].set_title(f"{answer}, {row.max():.1%} sure")
        for picture_axes in axes[:2]:
            picture_axes.spines[:].set_visible(True)
    more = f" (the first {rows} of {len(names)} pictures)" if len(names) > rows else ""
    save(figure, path, f"Picture, what the network saw, and its answer{more}")


def run_figures(
    folder: Path,
    network: NeuralNetwork,
    history: list[dict],
    images: np.ndarray,
    shown: np.ndarray,
    labels: np.ndarray,
    what: str,
) -> None:
    """All figures of one run. `shown` are the pictures as they were before preprocessing."""
    last, layers = history[-1], architecture(network.layer_sizes[1:-1])
    title = f"{layers} after {last['epoch']} epochs: train loss {last['train_loss']:.4f}"
    if np.isfinite(last["validation_accuracy"]):
        title += f", validation accuracy {last['validation_accuracy']:.2%}"
    plot_curves(folder / "curves.png", title, [history])
    plot_layers(folder / "layers.png", history)
    plot_first_layer(folder / "first_layer.png", network)
    probabilities = network.predict_probabilities(scale(images))
    plot_confusion(folder / "confusion.png", labels, probabilities.argmax(axis=1), what)
    plot_mistakes(folder / "mistakes.png", shown, labels, probabilities)
