"""Curves: loss and accuracy over the epochs, of one configuration or of all of an experiment."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.figures import style


def column(rows: list[dict], name: str) -> np.ndarray:
    """One column of a history; of accuracies, the error rate."""
    values = np.array([row[name] for row in rows], dtype=float)
    return style.error_rate(values) if name.endswith("accuracy") else values


def parts_of(histories: list[list[dict]]) -> list[str]:
    """Which images there are numbers of: without validation images only the training images."""
    validated = any(np.isfinite(column(rows, "validation_loss")).any() for rows in histories)
    return ["validation", "train"] if validated or not histories else ["train"]


def draw_seeds(axes: Axes, histories: list[list[dict]], name: str, look: style.Look) -> np.ndarray:
    """The mean over the seeds, with a band from lowest to highest; returns (seeds, epochs)."""
    epochs = column(histories[0], "epoch")
    values = np.array([column(history, name) for history in histories])
    marks: dict = {"marker": "o", "ms": 4, "clip_on": False} if len(epochs) < 4 else {}
    axes.plot(epochs, values.mean(axis=0), color=look[0], ls=look[1], lw=1.5, **marks)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, low, high, alpha=0.1, lw=0, color=look[0])
    return values


def plot_curves(path: Path, title: str, histories: list[list[dict]], train_images: int) -> None:
    """Loss and accuracy of one configuration, one history a seed: validation, and train dashed."""
    figure, ends = Figure((9, 3.4)), []
    looks = {"train": (style.colour(1), "--", "o"), "validation": (style.colour(0), "-", "o")}
    names = {"train": f"train ({train_images:,} images)", "validation": "validation"}
    for left, quantity in ((0.65, "loss"), (4.35, "accuracy")):
        axes = style.place(figure, left, 0.5, 2.95, 2.25)
        drawn = {
            part: draw_seeds(axes, histories, f"{part}_{quantity}", looks[part])
            for part in reversed(parts_of(histories))
        }
        scale = style.log_axis if quantity == "loss" else style.accuracy_axis
        scale(axes.yaxis, drawn.values())
        style.whole_axis(axes, 0, int(histories[0][-1]["epoch"]))
        axes.set_title(f"{quantity} (log scale{' of the error' if quantity != 'loss' else ''})")
    for part, values in drawn.items():  # of the accuracy
        last = float(values[:, -1].mean())
        text = f"{names[part]}\n{1 - last:.2%}" if np.isfinite(last) else names[part]
        ends.append((text, last, looks[part]))
    style.label_ends(axes, ends, gap=0.34)
    style.save(figure, path, title)


def plot_comparison(
    path: Path,
    title: str,
    histories: dict[str, list[list[dict]]],
    failed: dict[str, str],
    ordered: bool,
    train_images: int,
) -> None:
    """Every configuration of an experiment: label -> one history a seed ([] if none finished).

    Left, what counts: the validation accuracy. Right the losses, so that neither drowns the other.
    """
    every = [history for found in histories.values() for history in found]
    parts, looks = parts_of(every), style.looks(histories, ordered)
    names = {"validation": "validation images", "train": f"{train_images:,} training images"}
    last = max((int(history[-1]["epoch"]) for history in every), default=1)
    first = min(1, last - 1)  # before training there is nothing to compare; the axis says so
    figure = Figure((9, 4.6))
    panels = {f"{parts[0]}_accuracy": style.place(figure, 0.7, 0.65, 3.45, 3.35)}
    height = 3.35 / len(parts) - 0.2 * (len(parts) - 1)
    for number, part in enumerate(parts):
        bottom = 4.0 - height - number * (height + 0.4)
        panels[f"{part}_loss"] = style.place(figure, 6.55, bottom, 2.3, height)
    ends = {label: np.nan for label in histories}
    for name, axes in panels.items():
        drawn = []
        for label, found in histories.items():
            if found:
                rows = [history[first:] for history in found]
                drawn.append(draw_seeds(axes, rows, name, looks[label]))
                if name.endswith("accuracy"):
                    ends[label] = float(drawn[-1][:, -1].mean())
        part, quantity = name.split("_")
        (style.accuracy_axis if quantity == "accuracy" else style.log_axis)(axes.yaxis, drawn)
        style.whole_axis(axes, first, last)
        note = " (log scale of the error)" if quantity == "accuracy" else ""
        axes.set_title(f"{quantity} on {names[part]}{note}")
    main, *losses = panels.values()
    for upper in losses[:-1]:
        upper.set_xlabel("")
        upper.tick_params(labelbottom=False)
    before = np.mean([history[0][f"{parts[0]}_accuracy"] for history in every]) if every else np.nan
    if first and np.isfinite(before):
        main.set_xlabel(f"epoch (accuracy before training: {before:.0%})")
    named = []
    for label, end in ends.items():
        accuracy = f"{1 - end:.2%}  " if np.isfinite(end) else ""
        text = accuracy + style.named(label, failed, bool(histories[label]))
        named.append((text, end, looks[label]))
    style.label_ends(main, named)
    style.save(figure, path, title, failed)
