"""Learning itself: first-layer units, answers and accuracy at chosen epochs, still and moving."""

from pathlib import Path

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from src.common.files import replacing
from src.figures import style
from src.figures.curves import column
from src.model import NeuralNetwork
from src.utils import scale

Networks = dict[int, NeuralNetwork]  # epoch -> the network as it was then
ORANGE_BLUE = LinearSegmentedColormap.from_list("signs", ["#0072B2", "white", "#D55E00"])
SIGNS = "orange: ink raises the unit's sum, blue: lowers it"


def most_important(network: NeuralNetwork, count: int) -> np.ndarray:
    """Numbers of first-layer units, by the norm of their incoming times their outgoing weights."""
    if len(network.weights) == 1:
        return np.arange(network.layer_sizes[1])  # the digits, in their order
    incoming, outgoing = network.weights[:2]
    importance = np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
    return np.argsort(-importance, kind="stable")[:count]


def draw_units(
    axes: Axes, network: NeuralNetwork, units: np.ndarray, columns: int, title: str
) -> None:
    """The incoming weights of these units as pictures, each scaled to +-1 by its own largest."""
    tiles = network.weights[0].T[units].reshape(-1, 28, 28)
    largest = np.abs(tiles).max(axis=(1, 2), keepdims=True)
    sheet = style.mosaic(tiles / np.where(largest > 0, largest, 1), columns)
    style.draw_picture(axes, sheet, title, cmap=ORANGE_BLUE, vmin=-1, vmax=1)


def twelve_that_change(networks: Networks, images: np.ndarray) -> np.ndarray:
    """Rows of the first twelve images whose answers change after epoch 1, else of any others."""
    later = list(networks.values())[1:] or list(networks.values())
    answers = np.array([network.forward(scale(images))[0].argmax(axis=1) for network in later])
    still = (answers == answers[:1]).all(axis=0)
    return np.sort(np.argsort(still, kind="stable")[:12])


def draw_answers(
    axes: Axes, network: NeuralNetwork, images: np.ndarray, labels: np.ndarray
) -> None:
    """Twelve images with the answer below each; a wrong one bold, after the true digit."""
    style.draw_picture(axes, style.mosaic(images, 3, down=40), "", cmap="gray_r", vmin=0, vmax=255)
    answers = network.forward(scale(images))[0].argmax(axis=1)
    for place, (label, answer) in enumerate(zip(labels, answers)):
        text, weight = (answer, "normal") if answer == label else (f"{label}→{answer}", "bold")
        at = 31 * (place % 3) + 13.5, 40 * (place // 3) + 33.5
        axes.text(*at, text, ha="center", va="center", weight=weight, size=7.5)


def draw_progress(axes: Axes, history: list[dict], epochs: list[int]) -> None:
    """Wrong answers over the whole history, with a dot at each of these epochs."""
    part = "validation" if np.isfinite(history[-1]["validation_accuracy"]) else "train"
    wrong, last = column(history, f"{part}_accuracy"), len(history) - 1
    axes.plot(wrong, color=style.GREY, lw=1)
    axes.plot(epochs, wrong[epochs], "o", color="black", ms=5, clip_on=False, zorder=3)
    style.log_axis(axes.yaxis, [wrong], "%")
    style.whole_axis(axes, 0, last)
    axes.set_title(f"wrong answers, {part.replace('train', 'training')} images", size=8.5)
    for epoch in epochs:
        side, shift = ("right", -4) if epoch == last else ("left", 5)
        note: dict = {"ha": side, "size": 8, "textcoords": "offset points"}
        axes.annotate(f"{wrong[epoch]:.1f}%", (epoch, wrong[epoch]), (shift, 5), **note)


def plot_learning(
    path: Path, networks: Networks, history: list[dict], images: np.ndarray, labels: np.ndarray
) -> None:
    """A column for each of at most six epochs: units and answers; below them the wrong answers.

    images (12, 28, 28) uint8 as the network sees them, labels (12,). The units are the most
    important ones of the last epoch, so each can be followed.
    """
    last = max(networks)
    epochs = [epoch for epoch in (0, 1, 2, 5, 10) if epoch < last] + [last]
    units, apart = most_important(networks[last], 9), 6.75 / max(1, len(epochs) - 1)
    title = f"{style.architecture(networks[last].layer_sizes[1:-1])} learns to read"
    foot = f"bold: true digit → wrong answer. Units, each on its own scale: {SIGNS}"
    with style.drawing(path, (9, 5.5), title, foot) as figure:
        for number, epoch in enumerate(epochs):
            left, name = 0.75 + apart * number, f"epoch {epoch}" if epoch else "before training"
            axes = style.place(figure, left, 3.7, 1.25, 1.25)
            draw_units(axes, networks[epoch], units, 3, name)
            axes = style.place(figure, left, 1.8, 1.25, 1.75)
            draw_answers(axes, networks[epoch], images, labels)
        for up, text in ((4.3, "first-layer units"), (2.7, "answers that change\nafter epoch 1")):
            figure.text(0.04, up / 5.5, text, rotation=90, ha="center", va="center", size=8.5)
        draw_progress(style.place(figure, 0.75, 0.7, 8.0, 0.75), history, epochs)


def animate_learning(
    path: Path, networks: Networks, history: list[dict], images: np.ndarray, labels: np.ndarray
) -> None:
    """The same as a GIF, a frame for each epoch, the last for three seconds."""
    units, writer = most_important(networks[max(networks)], 16), PillowWriter(fps=2)
    with style.our_look(), replacing(path) as temporary:
        figure = Figure((7.5, 2.9))
        with writer.saving(figure, temporary, dpi=96):
            for epoch, network in networks.items():
                figure.clear()
                name = f"epoch {epoch}" if epoch else "before training"
                draw_units(style.place(figure, 0.1, 0.1, 2.45, 2.45), network, units, 4, name)
                draw_answers(style.place(figure, 2.6, 0.1, 1.75, 2.45), network, images, labels)
                draw_progress(style.place(figure, 5.0, 0.5, 2.35, 2.05), history, [epoch])
                for _ in range(1 if epoch < max(networks) else 6):
                    writer.grab_frame()
