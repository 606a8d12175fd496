"""A look inside one network: is it healthy, what does it look for, what does it get wrong?"""

from pathlib import Path
from typing import Any

import numpy as np

from src.activations import softmax
from src.digits.data import Data, split
from src.digits.preprocessing import PREPROCESSING
from src.figures import learning, style
from src.figures.curves import plot_curves
from src.model import NeuralNetwork
from src.utils import confusion_matrix, scale


@np.errstate(all="ignore")  # what overflows in a network that diverged is left out
def draw_run(folder: Path, run: Any, data: Data, suffix: str = "png") -> None:
    """All figures of one run, finished or not, as files in `folder`; those of an earlier run go."""
    config, metrics = run.config, run.metrics
    names = ["curves", "layers", "first_layer", "confusion", "mistakes"]
    names += ["learning"] * bool(run.snapshots)
    paths = {name: folder / f"{name}.{suffix}" for name in names}
    style.keep_only(folder, [])
    style.keep_only(folder, [*(path.name for path in paths.values()), "learning.gif"])

    layers, epoch = style.architecture(config.hidden), int(run.history[-1]["epoch"])
    title = f"{layers} after {epoch} epoch{'s' * (epoch != 1)}"
    end = metrics.get("stopped", "")
    plot_curves(paths["curves"], title, [run.history], metrics["measured_training_images"], end)
    sample = min(1000, metrics["training_images"])
    plot_layers(paths["layers"], f"{layers}, layer by layer", run.layers, config.activation, sample)
    plot_first_layer(paths["first_layer"], run.network)

    preprocess, (images, labels, what) = PREPROCESSING[config.preprocessing], look_at(run, data)
    seen = preprocess(images)
    probabilities = softmax(run.network.forward(scale(seen))[0])
    plot_confusion(paths["confusion"], labels, probabilities.argmax(axis=1), what)
    plot_mistakes(paths["mistakes"], images, labels, probabilities, what)
    if run.snapshots:
        networks = {}
        for at, parameters in run.snapshots.items():
            networks[at] = NeuralNetwork(config.layer_sizes, config.activation, "zeros")
            networks[at].parameters[...] = parameters
        twelve = learning.twelve_that_change(networks, seen[:5000])
        shown = networks, run.history, seen[twelve], labels[twelve]
        learning.plot_learning(paths["learning"], *shown)
        learning.animate_learning(folder / "learning.gif", *shown)


def look_at(run: Any, data: Data) -> tuple[np.ndarray, np.ndarray, str]:
    """The images to look for mistakes in, their labels, and what they are called.

    The validation images; without any, the test images if the test set was scored, else the
    training images that the accuracy was measured on.
    """
    rows, held_out = split(len(data.images), run.config.validation_fraction, run.config.split_seed)
    if len(held_out):
        return data.images[held_out], data.labels[held_out], "validation"
    if "test_accuracy" in run.metrics:
        return data.test_images, data.test_labels, "test"
    rows = rows[: run.metrics["measured_training_images"]]
    return data.images[rows], data.labels[rows], "training"


def plot_layers(path: Path, title: str, rows: list[dict], activation: str, sample: int) -> None:
    """The health of each layer over the epochs. Only ReLU units can be silent for all images."""
    count = int(max(row["layer"] for row in rows))
    epochs = [row["epoch"] for row in rows[::count]]
    looks = style.looks([f"layer {n}" for n in range(1, count)] + ["output"], ordered=True)
    quantities = {
        "activation_std": "spread of the sums z,\nbefore the activation",
        "gradient_ratio": "size of the gradient\nover size of the weights",
        "dead_share": f"hidden units silent for\nall of {sample:,} images",
    }
    foot = "spread: standard deviation over units and images; 0 and infinity are not drawn"
    if activation == "relu" and count > 1:
        foot += ". Of silent units, a tenth is harmless, half is not"
    else:
        del quantities["dead_share"]
    width = 7.1 / len(quantities) - 0.6
    with style.drawing(path, (9, 3.4), title, foot) as figure:
        for panel, (name, what) in enumerate(quantities.items()):
            axes = style.place(figure, 0.65 + panel * (width + 0.6), 0.7, width, 1.95)
            values = np.reshape([row[name] for row in rows], (-1, count)).T
            values = 100 * values[:-1] if name == "dead_share" else values
            for (label, look), line in zip(looks.items(), values):
                axes.plot(epochs, line, label=label, **look, **style.marks(len(epochs)))
            if name == "dead_share":
                axes.set_ylim(0, min(104, max(5, 1.1 * values.max())))
                axes.yaxis.set_major_formatter("{x:g}%")
            else:
                style.log_axis(axes.yaxis, values)
            style.whole_axis(axes, 0, int(epochs[-1]))
            axes.set_title(what)
        style.legend(figure, 7.75, 2.65)


def plot_confusion(path: Path, labels: np.ndarray, predictions: np.ndarray, what: str) -> None:
    """Which digit is taken for which. Only the errors are shaded; the diagonal is right."""
    matrix = confusion_matrix(labels, predictions)
    errors = matrix - np.diag(np.diag(matrix))
    most, title = max(1, errors.max()), f"{errors.sum():,} of {len(labels):,} {what} images misread"
    with style.drawing(path, (6, 5.05)) as figure:
        axes = style.place(figure, 0.6, 0.5, 4.6, 4.2)
        style.draw_picture(axes, errors, title, cmap="Greys", vmin=0, vmax=most, aspect="auto")
        axes.set(xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
        for digit, answer in np.argwhere(matrix):
            ink = "white" if errors[digit, answer] > most / 2 else "black"
            ink = style.GREY if digit == answer else ink
            axes.text(answer, digit, matrix[digit, answer], ha="center", va="center", color=ink)
        for digit, counts in enumerate(matrix):
            share = f"{counts[digit] / counts.sum():.1%}" if counts.any() else "none"
            axes.text(9.65, digit, share, va="center")
        axes.text(9.65, -0.75, "accuracy")


def plot_mistakes(
    path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, what: str
) -> None:
    """The 24 mistakes the network was surest of."""
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:24]
    title = f"The {len(worst)} surest of {len(wrong):,} mistakes on {len(labels):,} {what} images"
    title = (
        f"{title}\ntrue digit → answer, how sure"
        if len(worst)
        else f"No mistakes on {len(labels):,} {what} images"
    )
    rows, columns = max(1, -(-len(worst) // 8)), 8 if len(worst) > 8 else max(5, len(worst))
    with style.drawing(path, (1.12 * columns + 0.3, 1.07 * rows + 0.75)) as figure:
        axes = style.place(figure, 0.15, 0.12, 1.12 * columns, 1.07 * rows)
        sheet = style.mosaic(images[worst].reshape(-1, 28, 28), columns, across=42, down=40)
        style.draw_picture(axes, sheet, title, cmap="gray_r", vmin=0, vmax=255)
        for place, row in enumerate(worst):
            sure = f"{confidence[row]:.1%}".replace("nan%", "?")  # after an overflow
            text = f"{labels[row]} → {answers[row]}, {sure}"
            at = 42 * (place % columns) + 13.5, 40 * (place // columns) + 29
            axes.text(*at, text, ha="center", va="top", size=9)


def plot_first_layer(path: Path, network: NeuralNetwork) -> None:
    """What each first-layer unit looks for: its 784 weights as a picture, 40 units at most."""
    units = learning.most_important(network, 40)
    columns = min(10, len(units))
    width, height = 0.8 * columns, 0.8 * -(-len(units) // columns)
    title = f"The {len(units)} most important of {network.layer_sizes[1]} first-layer units"
    if len(network.weights) == 1:
        title = "The weights of the digits 0 to 9"
    title += f"\n{learning.SIGNS}; each has its own scale"
    title += "\nspeckles: pixels that are always blank keep their first, random weights"
    with style.drawing(path, (max(6, width) + 0.2, height + 0.8)) as figure:
        axes = style.place(figure, 0.1, 0.1, max(6, width), height)
        learning.draw_units(axes, network, units, columns, title)
