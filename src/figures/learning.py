"""Learning itself: first-layer units, answers and accuracy at chosen epochs, still and moving."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from src.common.files import replacing
from src.figures import style
from src.figures.curves import draw_curve, finish, images_of
from src.model import NeuralNetwork
from src.utils import scale

ORANGE_BLUE = LinearSegmentedColormap.from_list("signs", ["#0072B2", "white", "#D55E00"])
SIGNS = "orange: ink raises the unit's sum, blue: lowers it"


class Film(NamedTuple):
    """What is shown of a run: its network after each epoch, twelve images and their labels."""

    run: Any
    networks: dict[int, NeuralNetwork]
    images: np.ndarray  # (12, 28, 28) uint8, as the network sees them
    labels: np.ndarray


def make_film(run: Any, images: np.ndarray, labels: np.ndarray) -> Film:
    """The first twelve images whose answers change after epoch 1, and any others if these are few.

    images (N, 28, 28) uint8, labels (N,)
    """
    networks, answers = {}, []
    for epoch, parameters in run.snapshots.items():
        networks[epoch] = NeuralNetwork(run.config.layer_sizes, run.config.activation, "zeros")
        networks[epoch].parameters[...] = parameters
        answers.append(networks[epoch].predict(scale(images)))
    still = np.ptp(answers[1:], axis=0) == 0
    rows = np.sort(np.argsort(still, kind="stable")[:12])
    return Film(run, networks, images[rows], labels[rows])


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


def draw_epochs(axes: dict[str, Axes], film: Film, epochs: list[int]) -> None:
    """The most important units of the last epoch, so that each can be followed; twelve answers, a
    wrong one bold and after the true digit; a dot at each of the epochs in the history.
    """
    units = most_important(film.run.network, 9)
    for epoch in epochs:
        network, lower = film.networks[epoch], axes[f"answers {epoch}"]
        draw_units(axes[f"units {epoch}"], network, units, 3)
        axes[f"units {epoch}"].set_title(f"epoch {epoch}" if epoch else "before training")
        pairs = zip(film.labels, network.predict(scale(film.images)))
        captions = [f"{y}" if y == label else f"{label}→{y}" for label, y in pairs]
        style.draw_tiles(lower, film.images, 3, captions, cmap="gray_r", vmin=0, vmax=255)
        for text in lower.texts:
            text.set_fontweight("bold" if "→" in text.get_text() else "normal")
    progress, history = axes["progress"], film.run.history
    part, images = next(iter(images_of(film.run).items()))
    look = {"color": style.GREY, "lw": 1}
    wrong = draw_curve(progress, [history], f"{part}_accuracy", look)
    progress.plot(epochs, wrong[epochs], "o", color="black", ms=5, clip_on=False, zorder=3)
    for epoch in epochs:
        side, shift = ("left", 5) if epoch < len(history) - 1 else ("right", -4)
        note: dict = {"ha": side, "size": 8, "textcoords": "offset points"}
        progress.annotate(f"{wrong[epoch]:.1f}%", (epoch, wrong[epoch]), (shift, 5), **note)
    finish(progress, "accuracy", f"wrong answers, {images}")


def plot_learning(path: Path, film: Film) -> None:
    """A column for each of at most six epochs: units and answers; below them the wrong answers."""
    last = max(film.networks)
    epochs = [epoch for epoch in (0, 1, 2, 5, 10) if epoch < last] + [last]
    places: list = [[f"{row} {epoch}" for epoch in epochs] for row in ("units", "answers")]
    places.append(["progress"] * len(epochs))
    title = f"{'-'.join(map(str, film.run.config.layer_sizes))} learns to read"
    foot = f"bold: true digit → wrong answer. Units, each on its own scale: {SIGNS}"
    with style.drawing(path, (9, 5.5), title, foot, (0.75, 0.7, 0.25, 0.55)) as figure:
        spaces = {"height_ratios": [5, 7, 3], "hspace": 0.25}
        axes = figure.subplot_mosaic(places, gridspec_kw=spaces)
        draw_epochs(axes, film, epochs)
        axes["units 0"].set_ylabel("first-layer units")
        axes["answers 0"].set_ylabel("answers that change\nafter epoch 1")


def animate_learning(path: Path, film: Film) -> None:
    """The same as a GIF, a frame for each epoch, the last for three seconds."""
    writer, last = PillowWriter(fps=2), max(film.networks)
    with style.our_look(), replacing(path) as temporary:
        figure = Figure((7.5, 2.9))
        with writer.saving(figure, temporary, dpi=96):
            for epoch in film.networks:
                figure.clear()
                figure.subplots_adjust(0.01, 0.17, 0.98, 0.9, wspace=0.15)
                places: list = [[f"units {epoch}", f"answers {epoch}", "progress"]]
                axes = figure.subplot_mosaic(places, width_ratios=[10, 7, 9])
                draw_epochs(axes, film, [epoch])
                for _ in range(6 if epoch == last else 1):
                    writer.grab_frame()
