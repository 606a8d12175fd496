"""Draw figures of docs/how-it-works.md: data, first weights, step sizes, overfitting, distortions.

python docs/chapter_drawings.py     # docs/figures/mnist, initializers_signal, step_sizes, ...
"""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `train` and `src` are found

from src.digits.augmentation import augment
from src.digits.data import EMBEDDED, Data, load_data
from src.digits.preprocessing import PREPROCESSING
from src.figures import style
from src.initializers import INITIALIZERS
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.diagnostics import layer_statistics
from src.utils import scale
from train import train

FIGURES = Path(__file__).parent / "figures"


def draw_mnist(data: Data) -> None:
    """A hundred training images, ten of each digit."""
    rows = np.concatenate([np.flatnonzero(data.labels == digit)[:10] for digit in range(10)])
    title = "MNIST: the first ten training images of each digit"
    margins = 0.4, 0.1, 0.1, 0.5
    with style.drawing(FIGURES / "mnist.png", (5.6, 5.7), title, "", margins) as figure:
        axes = figure.subplots()
        style.draw_tiles(axes, data.images[rows], 10, cmap="gray_r", vmin=0, vmax=255)
        axes.set_yticks([31 * digit + 13.5 for digit in range(10)], range(10))
        axes.tick_params(length=0)


def draw_signal(data: Data) -> None:
    """How large sums and gradients are in each of eleven layers before training."""
    panels = {"activation_std": "spread of the sums z", "gradient_std": "spread of the gradients"}
    title = "Ten hidden layers of 32 units, before training"
    foot = "×: how much larger the spread of z is from one layer to the next"
    path, margins = FIGURES / "initializers_signal.png", (0.75, 0.85, 2.5, 0.6)
    with style.drawing(path, (9, 4.4), title, foot, margins) as figure:
        both = figure.subplots(1, 2, gridspec_kw={"wspace": 0.4})
        for axes, (name, what) in zip(both, panels.items()):
            for initializer, look in style.looks(INITIALIZERS).items():
                network = NeuralNetwork([784, *[32] * 10, 10], initializer=initializer)
                layers = layer_statistics(network, data.images[:1000], data.labels[:1000])
                spread = np.array([layer[name] for layer in layers])
                factor = f"× {(spread[-1] / spread[0]) ** 0.1:.2g}" if spread.all() else "all 0"
                text, spread[spread == 0] = f"{initializer}: {factor}", np.nan
                axes.plot(range(1, 12), spread, marker="o", ms=4, label=text, **look)
            style.log_axis(axes.yaxis)
            style.whole_axis(axes, "layer")
            axes.set_title(what)
        style.legend(figure)


def draw_step_sizes() -> None:
    """Gradient descent on loss = d^2 / 2, whose curvature is 1, with three learning rates."""
    rates = {0.3: "0.3 / c: every step falls short", 1.8: "1.8 / c: beyond, yet nearer each time"}
    rates[2.1] = "2.1 / c: further away each time"
    parabola = np.linspace(-2.1, 2.1, 101)
    for suffix in ("png", "svg"):
        path, title = FIGURES / f"step_sizes.{suffix}", "Steps on a parabola with curvature c"
        with style.drawing(path, (9, 3.0), title, "", (0.65, 0.55, 0.1, 0.65)) as figure:
            panels = figure.subplots(1, 3, sharey=True)
            for axes, (rate, what) in zip(panels, rates.items()):
                distance = -1.4 * (1 - rate) ** np.arange(5)
                axes.plot(parabola, parabola**2 / 2, color=style.GREY)
                axes.plot(distance, distance**2 / 2, "o", color="black", ms=5, zorder=3)
                for start, end in pairwise(distance):
                    arrow = {"arrowstyle": "->", "color": style.COLOURS[1], "lw": 1.4}
                    at = (end, end**2 / 2), (start, start**2 / 2)
                    axes.annotate("", *at, arrowprops=arrow)
                axes.annotate("start", (distance[0], 0.98), (-8, 6), textcoords="offset points")
                axes.set(title=what, xlabel="distance d from the minimum", ylim=(-0.15, 2.3))
            panels[0].set_ylabel("loss")


def draw_overfitting(data: Data) -> None:
    """Loss and wrong answers of a network that learns 2,000 images by heart."""
    some = replace(data, images=data.images[:8000], labels=data.labels[:8000])
    config = Config(hidden=(256, 128), epochs=60, learning_rate=0.05, validation_fraction=0.75)
    _, history = train(config, some)
    columns = {name: np.array([row[name] for row in history]) for name in history[0]}
    lowest = int(columns["validation_loss"].argmin())
    title = "784-256-128-10 memorises 2,000 training images"
    margins = 0.7, 0.55, 2.6, 0.65
    with style.drawing(FIGURES / "overfitting.png", (9, 3.4), title, "", margins) as figure:
        for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss")):
            for part, dashes in (("validation", "-"), ("train", "--")):
                values = columns[f"{part}_{name}"]
                values = 100 * (1 - values) if name == "accuracy" else values
                kind = "2,000 training images" if part == "train" else "6,000 validation images"
                axes.plot(values, dashes, color=style.COLOURS[0], label=kind)
            mark = columns["validation_loss"][lowest] if name == "loss" else None
            if mark:
                axes.plot(lowest, mark, "o", color="black", ms=5)
                axes.annotate("lowest", (lowest, mark), (0, 8), textcoords="offset points")
            axes.set(ylim=(0, 20) if name == "accuracy" else (0, 0.7))
            axes.set_title("wrong answers, %" if name == "accuracy" else "loss")
            style.whole_axis(axes)
        style.legend(figure)


def draw_augmentation(data: Data) -> None:
    """A digit as it is and preprocessed in two ways; eight copies of it for each distortion."""
    digit, rng = data.images[[np.argmax(data.labels == 3)]], np.random.default_rng(0)
    kinds = {"shift": "shift", "affine": "affine", "elastic": "elastic"}
    kinds["affine_elastic"] = "affine\n+ elastic"
    seen = {"as it is": digit, "deskewed": PREPROCESSING["deskew"](digit)}
    seen["a standard size"] = PREPROCESSING["normalise"](digit)
    title = "One digit, preprocessed (left) and distorted at strength 1 (right)"
    path, margins = FIGURES / "augmentation.png", (0.2, 0.3, 0.1, 0.5)
    with style.drawing(path, (9, 4.0), title, "", margins) as figure:
        left, right = figure.add_gridspec(1, 2, width_ratios=[1, 5.5], wspace=0.25)
        places = left.subgridspec(3, 1, hspace=0.4).subplots()
        for axes, (name, image) in zip(places, seen.items()):
            style.draw_picture(axes, image[0], cmap="gray_r", vmin=0, vmax=255)
            axes.set_xlabel(name)
        places = right.subgridspec(4, 1, hspace=0).subplots()
        for axes, (kind, name) in zip(places, kinds.items()):
            start = scale(np.repeat(digit, 8, axis=0))[:, None]
            copies = [augment(each, kind, 1.0, rng).reshape(28, 28) for each in start]
            style.draw_tiles(axes, np.array(copies), 8, cmap="gray_r", vmin=0)
            axes.set_yticks([13.5], [name])
            axes.tick_params(length=0)


if __name__ == "__main__":
    mnist = load_data(EMBEDDED)
    draw_mnist(mnist)
    draw_signal(mnist)
    draw_step_sizes()
    draw_overfitting(mnist)
    draw_augmentation(mnist)
