"""Draw how a network learns: its first-layer units, its answers and how many of them are wrong.

    python docs/learning_drawing.py --folder results     # with the values at the top of train.py
    python docs/learning_drawing.py --recipe plain       # with a recipe; those in docs/figures

Trains the network and writes learning.png and learning.gif.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `train` and `src` are found

from src.common.errors import InputError
from src.common.files import make_writable, replacing
from src.common.script import ArgumentParser, run_script
from src.digits.data import EMBEDDED, Data, load_data
from src.figures import style
from src.figures.curves import draw_curve, finish
from src.figures.inside import SIGNS, draw_units, most_important
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.history import Recorder
from src.runs.recipes import RECIPES, chosen
from src.utils import scale
from train import VALUES, train

FIGURES = Path(__file__).parent / "figures"


class Film(NamedTuple):
    """What is shown: the network after each epoch, the history, twelve images and their labels."""

    networks: list[NeuralNetwork]  # that of epoch 0 is untrained
    history: list[dict]
    images: np.ndarray  # (12, 28, 28) uint8 validation images, as the network sees them
    labels: np.ndarray


def make_film(config: Config, data: Data) -> Film:
    """Train a network. The images are the first twelve whose answers change after epoch 1, and any
    others if these are few. Raises InputError if the config leaves no validation images.
    """
    parameters: list[np.ndarray] = []  # after each epoch
    record = Recorder(lambda row: parameters.append(record.last))
    _, history = train(config, data, record)
    images, labels = (array[:5000] for array in record.validation)
    if not len(images):
        raise InputError("the drawing needs validation images; set a validation_fraction")
    networks, answers = [], []
    for values in parameters:
        network = NeuralNetwork(config.layer_sizes, config.activation, "zeros")
        network.parameters[...] = values
        networks.append(network)
        answers.append(network.predict(scale(images)))
    still = np.ptp(answers[1:], axis=0) == 0
    rows = np.sort(np.argsort(still, kind="stable")[:12])
    return Film(networks, history, images[rows], labels[rows])


def draw_epochs(axes: dict[str, Axes], film: Film, epochs: list[int]) -> None:
    """The most important units of the last epoch, so that each can be followed; twelve answers, a
    wrong one bold and after the true digit; a dot at each of the epochs in the history.
    """
    units = most_important(film.networks[-1], 9)
    for epoch in epochs:
        network, lower = film.networks[epoch], axes[f"answers {epoch}"]
        draw_units(axes[f"units {epoch}"], network, units, 3)
        axes[f"units {epoch}"].set_title(f"epoch {epoch}" if epoch else "before training")
        pairs = zip(film.labels, network.predict(scale(film.images)))
        captions = [f"{y}" if y == label else f"{label}→{y}" for label, y in pairs]
        style.draw_tiles(lower, film.images, 3, captions, cmap="gray_r", vmin=0, vmax=255)
        for text in lower.texts:
            text.set_fontweight("bold" if "→" in text.get_text() else "normal")
    progress, look = axes["progress"], {"color": style.GREY, "lw": 1}
    wrong = draw_curve(progress, [film.history], "validation_accuracy", look)
    progress.plot(epochs, wrong[epochs], "o", color="black", ms=5, clip_on=False, zorder=3)
    for epoch in epochs:
        side, shift = ("left", 5) if epoch < len(wrong) - 1 else ("right", -4)
        note: dict = {"ha": side, "size": 8, "textcoords": "offset points"}
        progress.annotate(f"{wrong[epoch]:.1f}%", (epoch, wrong[epoch]), (shift, 5), **note)
    finish(progress, "accuracy", "wrong answers, validation images")


def plot_learning(path: Path, film: Film) -> None:
    """A column for each of at most six epochs: units and answers; below them the wrong answers."""
    last = len(film.networks) - 1
    epochs = [epoch for epoch in (0, 1, 2, 5, 10) if epoch < last] + [last]
    places: list = [[f"{row} {epoch}" for epoch in epochs] for row in ("units", "answers")]
    places.append(["progress"] * len(epochs))
    title = f"{'-'.join(map(str, film.networks[0].layer_sizes))} learns to read"
    foot = f"bold: true digit → wrong answer. Units, each on its own scale: {SIGNS}"
    with style.drawing(path, (9, 5.5), title, foot, (0.75, 0.7, 0.25, 0.55)) as figure:
        spaces = {"height_ratios": [5, 7, 3], "hspace": 0.25}
        axes = figure.subplot_mosaic(places, gridspec_kw=spaces)
        draw_epochs(axes, film, epochs)
        axes["units 0"].set_ylabel("first-layer units")
        axes["answers 0"].set_ylabel("answers that change\nafter epoch 1")


def animate_learning(path: Path, film: Film) -> None:
    """The same as a GIF, a frame for each epoch, the last for three seconds."""
    writer, last = PillowWriter(fps=2), len(film.networks) - 1
    with matplotlib.style.context(style.LOOK, after_reset=True), replacing(path) as temporary:
        figure = Figure((7.5, 2.9))
        with writer.saving(figure, temporary, dpi=96):
            for epoch in range(last + 1):
                figure.clear()
                figure.subplots_adjust(0.01, 0.17, 0.98, 0.9, wspace=0.15)
                places: list = [[f"units {epoch}", f"answers {epoch}", "progress"]]
                axes = figure.subplot_mosaic(places, width_ratios=[10, 7, 9])
                draw_epochs(axes, film, [epoch])
                for _ in range(6 if epoch == last else 1):
                    writer.grab_frame()


def main() -> None:
    parser = ArgumentParser(__doc__)
    parser.add_argument("--recipe", choices=RECIPES, help="instead of the values in train.py")
    parser.add_argument("--folder", type=Path, default=FIGURES, help="(default: docs/figures)")
    arguments = parser.parse_args()
    make_writable(arguments.folder, "--folder")
    film = make_film(chosen(VALUES, arguments), load_data(EMBEDDED))
    plot_learning(arguments.folder / "learning.png", film)
    animate_learning(arguments.folder / "learning.gif", film)
    print(f"drew learning.png and learning.gif in {arguments.folder}")


if __name__ == "__main__":
    run_script(main)
