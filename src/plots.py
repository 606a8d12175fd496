"""Histories and pictures to PNG. Only this module knows matplotlib; no window is ever opened."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from src.augmentation import AUGMENTATIONS, augment, deskew
from src.diagnostics import confusion_matrix
from src.files import replacing
from src.model import NeuralNetwork
from src.utils import scale

# Told apart by colour-blind readers too (Okabe & Ito, 2008), without their yellow.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A5A2B"]
rcParams.update(
    {
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "legend.frameon": False,
    }
)


def new_figure(width: float, height: float, columns: int = 1, **layout: float) -> tuple:
    """A figure in inches and its axes, side by side. `layout` is as for subplots_adjust."""
    figure = Figure(figsize=(width, height), dpi=110)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    figure.subplots_adjust(**layout)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    """Write the PNG beside and rename it into place."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def architecture(hidden: tuple[int, ...] | list[int]) -> str:
    """784-128-64-10 for the hidden layers (128, 64)."""
    return "-".join(map(str, [784, *hidden, 10]))


# ------------------------------------------------------------------------------- curves


def column(history: list[dict], name: str) -> np.ndarray:
    """One column of a history."""
    return np.array([row[name] for row in history], dtype=float)


def accuracy_limits(curves: list[np.ndarray]) -> tuple[float, float]:
    """Axis limits that show where the curves (one accuracy an epoch) differ, not the first climb.

    The later four fifths of each curve fit in; one that never learns is not cut off.
    """
    later = np.concatenate([curve[max(1, len(curve) // 5) :] for curve in curves])
    later = later[np.isfinite(later)]
    if not len(later):
        return 0.0, 1.0
    low, high = float(later.min()), float(later.max())
    margin = max(0.002, 0.08 * (high - low))
    return low - margin, min(1.0 + margin / 4, high + margin)


def style_curves(loss_axes: Axes, accuracy_axes: Axes) -> None:
    """What every pair of loss and accuracy axes has in common."""
    loss_axes.set(
        xlabel="epoch", ylabel="loss (log scale)", yscale="log", title="Cross-entropy loss"
    )
    accuracy_axes.set(xlabel="epoch", ylabel="accuracy", title="Accuracy")
    accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    for axes in (loss_axes, accuracy_axes):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_curves(
    loss_axes: Axes, accuracy_axes: Axes, histories: list[list[dict]], colour: str, label: str
) -> None:
    """Mean over the seeds with a band from lowest to highest: validation solid, train dashed."""
    epochs = column(histories[0], "epoch")
    for axes, quantity in ((loss_axes, "loss"), (accuracy_axes, "accuracy")):
        for part, line in (("validation", "-"), ("train", "--")):
            values = np.array([column(history, f"{part}_{quantity}") for history in histories])
            if np.isnan(values).all():
                continue
            axes.plot(
                epochs,
                values.mean(axis=0),
                line,
                color=colour,
                lw=1.8 if part == "validation" else 1.0,
                label=label if part == "validation" else None,
            )
            if part == "validation" and len(values) > 1:
                axes.fill_between(
                    epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, lw=0
                )


def plot_curves(path: Path, title: str, histories: list[list[dict]]) -> None:
    """Loss and accuracy of one configuration, one history a seed."""
    figure, (loss_axes, accuracy_axes) = new_figure(
        9, 3.9, 2, left=0.08, right=0.98, bottom=0.13, top=0.84, wspace=0.24
    )
    draw_curves(loss_axes, accuracy_axes, histories, COLOURS[0], "validation")
    for axes in (loss_axes, accuracy_axes):
        axes.plot([], [], "--", color=COLOURS[0], lw=1.0, label="train (5,000 images)")
    style_curves(loss_axes, accuracy_axes)
    accuracy_axes.set_ylim(
        accuracy_limits(
            [
                column(history, name)
                for history in histories
                for name in ("train_accuracy", "validation_accuracy")
            ]
        )
    )
    loss_axes.legend()
    figure.suptitle(title, fontsize=11)
    save(figure, path)


def plot_comparison(path: Path, title: str, curves: dict[str, list[list[dict]]]) -> None:
    """Every configuration of an experiment in one figure: label -> one history a seed."""
    figure, (loss_axes, accuracy_axes) = new_figure(
        11, 4.4, 2, left=0.065, right=0.80, bottom=0.12, top=0.85, wspace=0.22
    )
    for number, (label, histories) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        draw_curves(loss_axes, accuracy_axes, histories, colour, label)
    style_curves(loss_axes, accuracy_axes)
    accuracy_axes.set_ylim(
        accuracy_limits(
            [
                column(history, name)
                for histories in curves.values()
                for history in histories
                for name in ("train_accuracy", "validation_accuracy")
            ]
        )
    )
    handles, labels = accuracy_axes.get_legend_handles_labels()
    handles += [
        loss_axes.plot([], [], "-", color="grey")[0],
        loss_axes.plot([], [], "--", color="grey", lw=1.0)[0],
    ]
    labels += ["validation", "train (5,000 images)"]
    figure.legend(handles, labels, loc="center left", bbox_to_anchor=(0.805, 0.5), fontsize=9)
    figure.suptitle(title, fontsize=11)
    save(figure, path)


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
    height = 1.5 + 0.36 * len(results)
    left = 0.05 + 0.0075 * max(map(len, results))
    figure, (axes, cost) = new_figure(
        9.5,
        height,
        2,
        left=left,
        right=0.97,
        bottom=0.6 / height,
        top=1 - 0.6 / height,
        wspace=0.08,
    )
    for row, metrics in enumerate(results.values()):
        accuracies = [run.get(name, np.nan) for run in metrics]
        mean, bar = spread(accuracies)
        colour = COLOURS[row % len(COLOURS)]
        axes.errorbar(mean, row, xerr=bar, fmt="o", color=colour, ms=7, capsize=4)
        axes.plot(accuracies, [row] * len(accuracies), "|", color=colour, ms=9)
        axes.annotate(
            f"{mean:.2%}", (mean, row), (0, 8), textcoords="offset points", ha="center", fontsize=8
        )
        seconds = np.mean([run["seconds"] for run in metrics])
        cost.barh(row, seconds, height=0.5, color=colour)
        cost.annotate(
            f"{seconds:.1f} s", (seconds, row), (4, -3), textcoords="offset points", fontsize=8
        )
    axes.set_yticks(range(len(results)), list(results))
    cost.set_yticks([])
    for panel in (axes, cost):
        panel.set_ylim(len(results) - 0.5, -0.7)
        panel.margins(x=0.12)
    axes.set(xlabel=what)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    cost.set(xlabel="seconds of training")
    figure.suptitle(title, fontsize=11)
    save(figure, path)


def plot_cost(path: Path, title: str, results: dict[str, list[dict]]) -> None:
    """Accuracy against what it costs: parameters, and seconds of training."""
    figure, axes_pair = new_figure(
        10, 4.4, 2, left=0.08, right=0.97, bottom=0.13, top=0.91, wspace=0.22
    )
    for axes, cost in zip(axes_pair, ("parameters", "seconds")):
        by_cost = sorted(results.items(), key=lambda item: np.mean([run[cost] for run in item[1]]))
        for number, (label, metrics) in enumerate(by_cost):
            x, x_bar = spread([run[cost] for run in metrics])
            y, y_bar = spread([run["last_validation_accuracy"] for run in metrics])
            colour = COLOURS[list(results).index(label) % len(COLOURS)]
            axes.errorbar(x, y, yerr=y_bar, xerr=x_bar, fmt="o", color=colour, ms=6, capsize=3)
            axes.annotate(
                label,
                (x, y),
                (7, -12) if number % 2 else (-7, 6),  # neighbours on different sides
                textcoords="offset points",
                ha="left" if number % 2 else "right",
                fontsize=8,
                color=colour,
            )
        axes.set(xlabel=f"{cost} (log scale)", xscale="log", ylabel="validation accuracy")
        axes.margins(x=0.16)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    figure.suptitle(title, fontsize=11)
    save(figure, path)


def plot_signal(path: Path, title: str, layers: dict[str, list[dict]]) -> None:
    """How large activations and gradients are in each layer before training: label -> layers."""
    figure, axes_pair = new_figure(
        11, 4.4, 2, left=0.07, right=0.81, bottom=0.12, top=0.83, wspace=0.25
    )
    names = {"activation_std": "pre-activations z", "gradient_std": "weight gradients dL/dW"}
    for axes, (name, what) in zip(axes_pair, names.items()):
        for number, (label, rows) in enumerate(layers.items()):
            # zero has no place on a log axis: the line ends where the signal does
            values = [row[name] if row[name] > 0 else np.nan for row in rows]
            axes.plot(
                [row["layer"] for row in rows],
                values,
                "o-",
                color=COLOURS[number % len(COLOURS)],
                ms=4,
                label=label,
            )
        axes.set(xlabel="layer", ylabel="standard deviation (log scale)", yscale="log", title=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = axes_pair[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="center left", bbox_to_anchor=(0.815, 0.5), fontsize=9)
    figure.suptitle(title, fontsize=11)
    save(figure, path)


# ------------------------------------------------------------------- a look inside one network


def mosaic(tiles: np.ndarray, columns: int, gap: int = 3, fill: float = np.nan) -> np.ndarray:
    """Tiles (N, 28, 28) on one sheet, row by row, `gap` pixels apart."""
    rows = -(-len(tiles) // columns)
    step = 28 + gap
    sheet = np.full((rows * step - gap, columns * step - gap), fill)
    for number, tile in enumerate(tiles):
        y, x = divmod(number, columns)
        sheet[y * step : y * step + 28, x * step : x * step + 28] = tile
    return sheet


def plot_confusion(path: Path, labels: np.ndarray, predictions: np.ndarray, what: str) -> None:
    """Which digit is taken for which. Only the errors are coloured; the diagonal is right."""
    matrix = confusion_matrix(labels, predictions)
    errors = matrix - np.diag(np.diag(matrix))
    figure, (axes,) = new_figure(6.4, 5.6, left=0.10, right=0.86, bottom=0.11, top=0.90)
    axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
    for row, column_ in np.ndindex(10, 10):
        if matrix[row, column_]:
            right = row == column_
            axes.text(
                column_,
                row,
                str(matrix[row, column_]),
                ha="center",
                va="center",
                fontsize=9,
                color="#999999" if right else "black",
            )
    for digit in range(10):
        total = matrix[digit].sum()
        share = f"{matrix[digit, digit] / total:.1%}" if total else "none"
        axes.text(9.75, digit, share, va="center", fontsize=9)
    axes.text(9.75, -0.8, "right", fontsize=9)
    axes.set(xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
    axes.grid(False)
    wrong = int(errors.sum())
    axes.set_title(f"{wrong:,} of {len(labels):,} {what} images are misread")
    save(figure, path)


def plot_mistakes(
    path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    """The 24 mistakes the network was surest of: true digit, answer, confidence."""
    answers = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:24]
    figure, (axes,) = new_figure(8, 5.6, left=0.02, right=0.98, bottom=0.02, top=0.91)
    axes.axis("off")
    axes.set_title(f"The {len(worst)} most confident mistakes" if len(worst) else "No mistakes")
    if len(worst):
        sheet = mosaic(images[worst].astype(float), 8, gap=14)
        axes.imshow(np.pad(sheet, ((0, 12), (0, 0)), constant_values=np.nan), cmap="gray_r")
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
    importance = np.linalg.norm(weights, axis=0)
    if len(network.weights) > 1:
        importance = importance * np.linalg.norm(network.weights[1], axis=1)
        order = np.argsort(-importance, kind="stable")[:40]
        what = f"The {len(order)} most important of {weights.shape[1]} first-layer units"
    else:
        order, what = np.arange(weights.shape[1]), "The weights of the digits 0 to 9"
    tiles = weights.T[order].reshape(-1, 28, 28)
    largest = np.abs(tiles).max(axis=(1, 2), keepdims=True)
    sheet = mosaic(tiles / np.where(largest > 0, largest, 1), 10)
    height = 0.9 + 0.8 * (-(-len(tiles) // 10))
    figure, (axes,) = new_figure(
        8, height, left=0.02, right=0.98, bottom=0.02, top=1 - 0.6 / height
    )
    axes.imshow(sheet, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.axis("off")
    axes.set_title(f"{what}: ink on red speaks for the unit, on blue against it", fontsize=10)
    save(figure, path)


def plot_layers(path: Path, history: list[dict]) -> None:
    """The health of each layer over the epochs."""
    panels: dict[str, tuple[str, Callable]] = {
        "dead_share": ("dead ReLU units", lambda axes: axes.set_ylim(-0.02, 1.02)),
        "activation_std": ("spread of pre-activations z", lambda axes: axes.set_yscale("log")),
        "gradient_ratio": ("|gradient| / |weights|", lambda axes: axes.set_yscale("log")),
    }
    figure, axes_row = new_figure(
        10.5, 3.6, 3, left=0.06, right=0.98, bottom=0.14, top=0.88, wspace=0.28
    )
    count = len(history[0]["layers"])
    for axes, (name, (title, finish)) in zip(axes_row, panels.items()):
        for layer in range(count):
            label = f"layer {layer + 1}" if layer < count - 1 else "output"
            values = np.array([row["layers"][layer][name] for row in history])
            if name != "dead_share":  # zero has no place on a log axis
                values[values <= 0] = np.nan
            axes.plot(column(history, "epoch"), values, color=COLOURS[layer % 8], label=label)
        finish(axes)
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes_row[0].yaxis.set_major_formatter(PercentFormatter(1))
    axes_row[0].legend(fontsize=9, ncols=1 + count // 6)
    save(figure, path)


def plot_augmentations(path: Path, image: np.ndarray, strength: float) -> None:
    """One digit (28, 28) uint8 as it is, deskewed, and ten times under each augmentation."""
    rng = np.random.default_rng(0)
    rows = {"as it is": np.repeat(image[None], 10, axis=0)}
    rows["deskewed"] = deskew(rows["as it is"])
    for name in AUGMENTATIONS:
        if name != "none":
            drawn = [augment(scale(image[None]), name, strength, rng) for _ in range(10)]
            rows[name.replace("_", ", ")] = np.reshape(drawn, (10, 28, 28)) * 255
    figure, (axes,) = new_figure(8, 5, left=0.16, right=0.99, bottom=0.02, top=0.92)
    axes.imshow(mosaic(np.concatenate(list(rows.values())), 10), cmap="gray_r")
    axes.set_yticks([31 * number + 14 for number in range(len(rows))], list(rows))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"What the network sees of one digit, strength {strength:g}")
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
    height = 0.75 + 1.35 * rows
    figure = Figure(figsize=(8, height), dpi=110)
    grid = figure.subplots(rows, 3, squeeze=False, width_ratios=[1.6, 1, 3.2])
    figure.subplots_adjust(
        left=0.03, right=0.97, bottom=0.32 / height, top=1 - 0.72 / height, wspace=0.1, hspace=0.55
    )
    for axes, name, original, image, row in zip(grid, names, originals, seen, probabilities):
        axes[0].imshow(original)
        axes[1].imshow(image, cmap="gray_r", vmin=0, vmax=255)
        colours = [COLOURS[1] if digit == row.argmax() else COLOURS[0] for digit in range(10)]
        axes[2].bar(range(10), row, color=colours)
        axes[2].set(xticks=range(10), yticks=[], ylim=(0, 1))
        axes[2].grid(False)
        axes[2].set_title(f"{row.argmax()}, {row.max():.1%} sure")
        axes[0].set_title(name if len(name) <= 24 else f"{name[:23]}…", parse_math=False)
        for picture_axes in axes[:2]:
            picture_axes.set(xticks=[], yticks=[])
            picture_axes.spines[:].set_visible(True)
    grid[0, 1].set_title("seen as")
    more = f" (the first {rows} of {len(names)} pictures)" if len(names) > rows else ""
    figure.suptitle(f"Picture, what the network saw, and its answer{more}", fontsize=11)
    save(figure, path)


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
    last = history[-1]
    title = (
        f"{architecture(network.layer_sizes[1:-1])} after {last['epoch']} epochs: "
        f"train loss {last['train_loss']:.4f}"
    )
    if np.isfinite(last["validation_accuracy"]):
        title += f", validation accuracy {last['validation_accuracy']:.2%}"
    plot_curves(folder / "curves.png", title, [history])
    plot_layers(folder / "layers.png", history)
    plot_first_layer(folder / "first_layer.png", network)
    probabilities = network.predict_probabilities(scale(images))
    plot_confusion(folder / "confusion.png", labels, probabilities.argmax(axis=1), what)
    plot_mistakes(folder / "mistakes.png", shown, labels, probabilities)
