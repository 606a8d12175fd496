"""A look inside one network: is it healthy, what does it look for, what does it get wrong?"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from src.activations import softmax
from src.common.files import keep_only
from src.digits.data import Data, split
from src.digits.preprocessing import PREPROCESSING
from src.figures import style
from src.figures.curves import draw_curve, finish, plot_curves
from src.model import NeuralNetwork
from src.utils import confusion_matrix, logits_of

ORANGE_BLUE = LinearSegmentedColormap.from_list("signs", ["#0072B2", "white", "#D55E00"])
SIGNS = "orange: ink raises the unit's sum, blue: lowers it"


@np.errstate(all="ignore")  # what overflows in a network that diverged is left out
def draw_run(folder: Path, run: Any, data: Data, suffix: str = "png") -> None:
    """All figures of one run, finished or not, as files in `folder`; those of an earlier run go."""
    names = ["curves", "layers", "first_layer", "confusion", "mistakes"]
    paths = {name: folder / f"{name}.{suffix}" for name in names}
    keep_only(folder, [path.name for path in paths.values()])

    layers, epoch = "-".join(map(str, run.config.layer_sizes)), int(run.history[-1]["epoch"])
    plot_curves(paths["curves"], f"{layers} after {epoch} epoch{'s' * (epoch != 1)}", [run])
    plot_layers(paths["layers"], f"{layers}, layer by layer", run)
    plot_first_layer(paths["first_layer"], run.network)

    images, labels, what = look_at(run, data)
    seen = PREPROCESSING[run.config.preprocessing](images.copy())
    probabilities = softmax(logits_of(run.network, seen))
    plot_confusion(paths["confusion"], labels, probabilities.argmax(axis=1), what)
    plot_mistakes(paths["mistakes"], images, labels, probabilities, what)


def look_at(run: Any, data: Data) -> tuple[np.ndarray, np.ndarray, str]:
    """The validation images; without any, the test images if these were scored, else the training
    images that the accuracy was measured on; their labels (N,), and what they are called.
    """
    rows, held_out = split(len(data.images), run.config.validation_fraction, run.config.split_seed)
    if len(held_out):
        return data.images[held_out], data.labels[held_out], "validation"
    if "test_accuracy" in run.metrics:
        return data.test_images, data.test_labels, "test"
    rows = rows[: run.metrics["measured_training_images"]]
    return data.images[rows], data.labels[rows], "training"


def plot_layers(path: Path, title: str, run: Any) -> None:
    """The health of each layer over the epochs. Only hidden ReLU units can be silent."""
    count, sample = len(run.network.weights), min(1000, run.metrics["training_images"])
    looks = style.looks([f"layer {n}" for n in range(1, count)] + ["output"], ordered=True)
    titles = {
        "activation_std": "spread of the sums z,\nbefore the activation",
        "gradient_ratio": "size of the gradient\nover size of the weights",
    }
    foot = "spread: standard deviation over units and images; 0 and infinity are not drawn"
    if run.config.activation == "relu" and count > 1:
        titles["dead_share"] = f"hidden units silent for\nall of {sample:,} images"
        foot += ". Of silent units, a tenth is harmless, half is not"
    with style.drawing(path, (9, 3.4), title, foot, (0.65, 0.7, 1.6, 0.75)) as figure:
        panels = figure.subplots(1, len(titles), gridspec_kw={"wspace": 0.35})
        for axes, (name, what) in zip(panels, titles.items()):
            for number, (label, look) in enumerate(looks.items()):
                if (name, label) != ("dead_share", "output"):
                    draw_curve(axes, [run.layers[number::count]], name, look, label)
            finish(axes, name, what)
            if name == "dead_share":
                axes.set(yscale="linear", ylim=(0, min(max(0.05, axes.get_ylim()[1]), 1.03)))
                axes.yaxis.set_major_formatter("{x:.0%}")
        style.legend(figure)


def plot_confusion(path: Path, labels: np.ndarray, predictions: np.ndarray, what: str) -> None:
    """Which digit is taken for which. Only the errors are shaded; the diagonal is right."""
    matrix = confusion_matrix(labels, predictions)
    errors = matrix - np.diag(np.diag(matrix))
    most, title = max(1, errors.max()), f"{errors.sum():,} of {len(labels):,} {what} images misread"
    foot, margins = "grey numbers: right answers; shaded: mistakes", (0.6, 0.7, 0.8, 0.45)
    with style.drawing(path, (6, 5.25), title, foot, margins) as figure:
        axes = figure.subplots()
        style.draw_picture(axes, errors, cmap="Greys", vmin=0, vmax=2 * most, aspect="auto")
        axes.set(xlabel="answer", ylabel="true digit", xticks=range(10), yticks=range(10))
        for digit, answer in np.argwhere(matrix):
            ink = style.GREY if digit == answer else "black"
            axes.text(answer, digit, matrix[digit, answer], ha="center", va="center", color=ink)
        for digit, counts in enumerate(matrix):
            share = f"{counts[digit] / counts.sum():.1%}" if counts.any() else "none"
            axes.text(9.65, digit, share, va="center")
        axes.text(9.65, -0.75, "accuracy")


def plot_mistakes(
    path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, what: str
) -> None:
    """The 24 mistakes the network was surest of."""
    answers = probabilities.argmax(axis=1)
    confidence = np.nan_to_num(probabilities.max(axis=1))  # NaN after an overflow
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:24]
    title = f"The surest of {len(wrong):,} mistakes on {len(labels):,} {what} images"
    foot = "true digit → answer, how sure"
    captions = [f"{labels[row]} → {answers[row]}\n{confidence[row]:.1%}" for row in worst]
    columns, rows = 8, max(1, -(-len(worst) // 8))
    with style.drawing(path, (9, 1.3 * rows + 0.8), title, foot, (0.1, 0.3, 0.1, 0.5)) as figure:
        style.draw_tiles(figure.subplots(), images[worst], columns, captions, cmap="gray_r")


def plot_first_layer(path: Path, network: NeuralNetwork) -> None:
    """What each first-layer unit looks for: its 784 weights as a picture, 40 units at most."""
    units = most_important(network, 40)
    title = f"The {len(units)} most important of {network.layer_sizes[1]} first-layer units"
    if len(network.weights) == 1:
        title = "The weights of the digits 0 to 9"
    foot = f"{SIGNS}; each has its own scale. "
    foot += "Speckles: always blank pixels keep their first weights"
    size = 8.2, 0.8 * -(-len(units) // 10) + 0.85
    with style.drawing(path, size, title, foot, (0.1, 0.4, 0.1, 0.4)) as figure:
        draw_units(figure.subplots(), network, units, 10)


def most_important(network: NeuralNetwork, count: int) -> np.ndarray:
    """Numbers of first-layer units, by the norm of their incoming times their outgoing weights."""
    if len(network.weights) == 1:
        return np.arange(network.layer_sizes[1])  # the digits, in their order
    incoming, outgoing = network.weights[:2]
    importance = np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
    return np.argsort(-importance, kind="stable")[:count]


def draw_units(axes: Axes, network: NeuralNetwork, units: np.ndarray, columns: int) -> None:
    """The incoming weights of these units as pictures, each scaled to +-1 by its own largest."""
    tiles = network.weights[0].T[units].reshape(-1, 28, 28)
    tiles = tiles / np.maximum(np.abs(tiles).max(axis=(1, 2), keepdims=True), 1e-30)
    style.draw_tiles(axes, tiles, columns, cmap=ORANGE_BLUE, vmin=-1, vmax=1)
