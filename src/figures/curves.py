"""Curves: wrong answers and loss over the epochs, of one configuration or of many."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from src.figures import style

History = list[dict]  # one row for each epoch
BAND = "line: mean of the seeds; band: from the lowest to the highest"
TITLES = {"accuracy": "wrong answers", "loss": "loss"}


def column(rows: History, name: str) -> np.ndarray:
    """One column of a history; of accuracies, the wrong answers in percent."""
    values = np.array([row[name] for row in rows], dtype=float)
    return style.percent_wrong(values) if name.endswith("accuracy") else values


def over_seeds(histories: list[History], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The epochs that all seeds have reached (E,), and a column of each history (seeds, E)."""
    length = min(map(len, histories))
    values = [column(history[:length], name) for history in histories]
    return column(histories[0][:length], "epoch"), np.array(values)


def draw_seeds(
    axes: Axes, histories: list[History], name: str, look: style.Look, label: str
) -> np.ndarray:
    """The mean over the seeds (E,), which is returned, and a band from lowest to highest."""
    epochs, values = over_seeds(histories, name)
    mean = values.mean(axis=0)
    text = f"{mean[-1]:.2f}%  {label}"
    axes.plot(epochs, mean, label=text, **look, **style.marks(len(epochs)))
    if len(values) > 1:
        band = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, *band, alpha=0.12, lw=0, color=look["color"])
    return mean


def parts(history: History, train_images: int) -> dict[str, str]:
    """What there are measurements of, the validation images first."""
    images = {"validation": "validation images", "train": f"{train_images:,} training images"}
    if not np.isfinite(history[0]["validation_loss"]):
        del images["validation"]
    return images


def plot_curves(
    path: Path, title: str, histories: list[History], train_images: int, end: str = ""
) -> None:
    """Wrong answers and loss of one configuration, a history for each seed; training dashed.

    `end` says why a run did not reach its last epoch; the curve then ends in a cross.
    """
    with style.drawing(path, (9, 3.4), title, BAND * (len(histories) > 1)) as figure:
        for left, quantity in ((0.6, "accuracy"), (3.75, "loss")):
            axes, drawn = style.place(figure, left, 0.65, 2.55, 2.1), []
            for part, name in parts(histories[0], train_images).items():
                look = {"color": style.COLOURS[0], "ls": "--" if part == "train" else "-"}
                drawn.append(draw_seeds(axes, histories, f"{part}_{quantity}", look, name))
                if end:
                    text = style.wrapped(end) if part == "train" else ""
                    at = len(drawn[-1]) - 1, drawn[-1][-1]
                    axes.plot(*at, "X", color="black", ms=9, clip_on=False, ls="", label=text)
            style.log_axis(axes.yaxis, drawn, "%" * (quantity == "accuracy"))
            style.whole_axis(axes, 0, int(histories[0][-1]["epoch"]))
            axes.set_title(TITLES[quantity])
        style.legend(figure, 6.5, 2.7)


def plot_comparison(
    path: Path,
    title: str,
    found: dict[str, list[History]],
    looks: dict[str, style.Look],
    train_images: int,
    foot: str = "",
) -> None:
    """Wrong answers, and the losses, of all configurations: label -> a history for each seed.

    Those with a look are named, in its order; the others are drawn faintly, and counted.
    """
    every = [history for histories in found.values() for history in histories]
    images, last = parts(every[0], train_images), max(map(len, every)) - 1
    first = min(1, last - 1)  # before training there is nothing to compare; the axis says so
    height = max(3.35, 0.2 * len(looks))
    panels = {f"{next(iter(images))}_accuracy": (0.65, 0.85, 2.9, height)}
    for part, up in zip(images, (1.05 + height / 2, 0.85)):
        panels[f"{part}_loss"] = 4.1, up, 2.05, height / 2 - 0.2
    with style.drawing(path, (9, height + 1.45), title, f"{BAND}. {foot}") as figure:
        for name, where in panels.items():
            axes, (part, quantity), drawn = style.place(figure, *where), name.split("_"), []
            shown = {label: [history[first:] for history in found[label]] for label in found}
            for label, look in looks.items():
                if label in shown:
                    text = style.wrapped(label, 20)
                    drawn.append(draw_seeds(axes, shown.pop(label), name, look, text))
                else:
                    axes.plot([], [], label=style.wrapped(f"no result: {label}"), **look)
            faint = [over_seeds(histories, name) for histories in shown.values()]
            lines = [np.column_stack([epochs, values.mean(axis=0)]) for epochs, values in faint]
            more = f"{len(lines):,} more" if lines else ""
            axes.add_collection(LineCollection(lines, color="#CCCCCC", lw=0.5, label=more))
            drawn += [line[:, 1] for line in lines]
            style.log_axis(axes.yaxis, drawn, "%" * (quantity == "accuracy"))
            style.whole_axis(axes, first, last)
            axes.set_title(f"{TITLES[quantity]}, {images[part]}")
        before = np.mean([column(history[:1], next(iter(panels))) for history in every])
        if first and np.isfinite(before):
            figure.axes[0].set_xlabel(f"epoch (before training: {before:.0f}% wrong)")
        if len(images) == 2:
            figure.axes[1].set(xlabel="", xticklabels=[])
        style.legend(figure, 6.4, 0.85 + height)
