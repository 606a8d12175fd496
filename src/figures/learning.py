"""Learning itself: first-layer units, answers and accuracy at chosen epochs, still and moving."""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from src.common.files import replacing
from src.figures import style
from src.figures.curves import column
from src.figures.inside import most_important, unit_tiles
from src.model import NeuralNetwork
from src.utils import scale


def plot_learning(
    path: Path,
    network: NeuralNetwork,
    snapshots: dict[int, np.ndarray],
    history: list[dict],
    images: np.ndarray,
    labels: np.ndarray,
) -> None:
    """A column an epoch, the first six of `snapshots`: units, answers; below them the accuracy.

    snapshots: epoch -> parameters (P,); images (12, 28, 28) uint8 as the network sees them, labels
    (12,). The units are the most important ones of the last snapshot, so each can be followed.
    """
    figure, epochs = Figure((9, 5.4)), sorted(snapshots)[:6]
    units = most_important(with_parameters(network, snapshots[epochs[-1]]), 9)
    apart = 6.75 / max(1, len(epochs) - 1)
    for place, epoch in enumerate(epochs):
        copy, left = with_parameters(network, snapshots[epoch]), 0.75 + apart * place
        draw_units(style.place(figure, left, 3.57, 1.25, 1.25), copy, units, epoch)
        draw_answers(style.place(figure, left, 1.62, 1.25, 1.75), copy, images, labels)
    for y, text in ((4.2, "first-layer units\n(own scale each)"), (2.5, "answers")):
        figure.text(0.04, y / 5.4, text, rotation=90, ha="center", va="center", size=8.5)
    draw_accuracy(style.place(figure, 0.75, 0.5, 8.0, 0.95), history, epochs)
    style.save(figure, path, f"{style.architecture(network.layer_sizes[1:-1])} learns to read")


def with_parameters(network: NeuralNetwork, parameters: np.ndarray) -> NeuralNetwork:
    copy = NeuralNetwork(network.layer_sizes, network.activation, "zeros", dtype=network.dtype)
    copy.parameters[...] = parameters
    return copy


def draw_units(axes: Axes, network: NeuralNetwork, units: np.ndarray, epoch: int) -> None:
    sheet = style.mosaic(unit_tiles(network, units), int(len(units) ** 0.5), down=30, across=30)
    title = f"epoch {epoch}" if epoch else "before training"
    style.draw_picture(axes, sheet, title, cmap="RdBu_r", vmin=-1, vmax=1)


def draw_answers(
    axes: Axes, network: NeuralNetwork, images: np.ndarray, labels: np.ndarray
) -> None:
    """Twelve images with the answer below each: blue if it is right, else orange."""
    style.draw_picture(axes, style.mosaic(images, 3, down=40), "", cmap="gray_r", vmin=0, vmax=255)
    answers = network.forward(scale(images, network.dtype))[0].argmax(axis=1)
    for place, answer in enumerate(answers):
        ink = style.colour(0 if answer == labels[place] else 1)
        at = 31 * (place % 3) + 13.5, 40 * (place // 3) + 33.5
        axes.text(*at, answer, ha="center", va="center", color=ink, weight="bold", size=8)


def draw_accuracy(axes: Axes, history: list[dict], epochs: list[int]) -> None:
    """The accuracy over the whole history, with a dot at each of these epochs."""
    part = "validation" if np.isfinite(history[-1]["validation_accuracy"]) else "train"
    errors, last = column(history, f"{part}_accuracy"), len(history) - 1
    axes.plot(errors, color="grey", lw=1)
    style.accuracy_axis(axes.yaxis, [errors])
    style.whole_axis(axes, 0, last)
    axes.set_ylabel(f"{part}\naccuracy", size=8.5)
    for epoch in epochs:
        at = epoch, errors[epoch]
        axes.plot(*at, "o", color=style.colour(0), ms=5, clip_on=False, zorder=3)
        shift, note = (-4 if epoch == last else 5, -11 if epoch else 4), f"{1 - errors[epoch]:.1%}"
        side = "right" if epoch == last else "left"
        axes.annotate(note, at, shift, textcoords="offset points", ha=side, size=8)


def animate_learning(
    path: Path,
    network: NeuralNetwork,
    snapshots: dict[int, np.ndarray],
    history: list[dict],
    images: np.ndarray,
    labels: np.ndarray,
) -> None:
    """The same as a GIF (0.3 MB for 21 frames), a frame a snapshot, the last for three seconds."""
    frames = []
    units = most_important(with_parameters(network, snapshots[max(snapshots)]), 16)
    for epoch in sorted(snapshots):
        copy, figure = with_parameters(network, snapshots[epoch]), Figure((7.5, 2.9), dpi=96)
        draw_units(style.place(figure, 0.1, 0.1, 2.45, 2.45), copy, units, epoch)
        draw_answers(style.place(figure, 2.6, 0.1, 1.75, 2.45), copy, images, labels)
        draw_accuracy(style.place(figure, 5.0, 0.5, 2.35, 2.05), history, [epoch])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        frames.append(Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE, colors=64))
    times = [500] * (len(frames) - 1) + [3000]
    more = {"save_all": True, "append_images": frames[1:], "duration": times, "loop": 0}
    with replacing(path) as temporary:
        frames[0].save(temporary, format="GIF", **more)
