"""Curves: wrong answers and loss over the epochs, of one configuration or of many."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from src.figures import style

BAND = "Line: mean of the seeds; band: from the lowest to the highest. "
TITLES = {"accuracy": "wrong answers", "loss": "loss"}


def percent_wrong(accuracies: Any) -> np.ndarray:
    """Wrong answers in percent; 0 becomes 0.004, so that a log scale has a place for it."""
    return np.maximum(100 * (1 - np.array(accuracies, dtype=float)), 4e-3)


def over_seeds(histories: list[list[dict]], name: str) -> np.ndarray:
    """A column of each seed's history (seeds, E); of accuracies, the wrong answers in percent."""
    values = np.array([[row[name] for row in history] for history in histories])
    return percent_wrong(values) if name.endswith("accuracy") else values


def draw_curve(
    axes: Axes, histories: list[list[dict]], name: str, look: dict, label: str = ""
) -> np.ndarray:
    """The mean over the seeds (E,), which is returned, and a band from the lowest to the highest.

    The label of wrong answers begins with how many there are in the end, if that was measured.
    """
    epochs, values = over_seeds(histories, "epoch")[0], over_seeds(histories, name)
    mean = values.mean(axis=0)
    end = f"{mean[-1]:.2f}%  ".replace("nan%  ", "") if name.endswith("accuracy") else ""
    few = np.count_nonzero(mean > 0) < 4  # points that can be seen on a log scale
    dots: dict = {"marker": "o", "ms": 4, "clip_on": False} if few else {}
    axes.plot(epochs, mean, label=end + label, **look, **dots)
    band = values.min(axis=0), values.max(axis=0)
    axes.fill_between(epochs, *band, alpha=0.12, lw=0, color=look["color"])
    return mean


def finish(axes: Axes, quantity: str, title: str) -> None:
    """Scales and a title, once all curves are drawn."""
    style.log_axis(axes.yaxis, "%" * (quantity == "accuracy"))
    style.whole_axis(axes)
    axes.set_title(title)


def images_of(run: Any) -> dict[str, str]:
    """The images that a run was measured on, the validation images first, if there are any."""
    kinds = {"validation": "validation images"} if "best_epoch" in run.metrics else {}
    return kinds | {"train": f"{run.metrics['measured_training_images']:,} training images"}


def plot_curves(path: Path, title: str, runs: list) -> None:
    """Wrong answers and loss of one configuration, a run for each seed; training dashed.

    A run that did not reach its last epoch ends in a cross.
    """
    histories, metrics = [run.history for run in runs], runs[0].metrics
    foot = BAND * (len(runs) > 1) + "Log scales: 0% is drawn at 0.004%"
    with style.drawing(path, (9, 3.4), title, foot, (0.6, 0.65, 2.8, 0.65)) as figure:
        for axes, (quantity, what) in zip(figure.subplots(1, 2), TITLES.items()):
            ends = []
            for part, images in images_of(runs[0]).items():
                look = {"color": style.COLOURS[0], "ls": "--" if part == "train" else "-"}
                mean = draw_curve(axes, histories, f"{part}_{quantity}", look, images)
                ends.append(mean[-1])
            if "stopped" in metrics:
                cross: dict = {"color": "black", "ms": 9, "clip_on": False, "ls": ""}
                why = style.fit(metrics["stopped"], 24, 5)
                last = runs[0].history[-1]["epoch"]
                axes.plot([last] * len(ends), ends, "X", label=why, **cross)
            finish(axes, quantity, what)
        style.legend(figure)


def plot_comparison(path: Path, results: Any, shown: list[str]) -> None:
    """Wrong answers, and the losses, of all configurations that have runs.

    From epoch 1 on, where a run has got so far: untrained networks are all alike.
    The `shown` ones are named, in this order; the others are drawn faintly, and counted.
    """
    runs = {label: found for label, found in results.runs.items() if found}
    histories = {n: [run.history[1:] or run.history for run in runs[n]] for n in runs}
    looks = style.looks([n for n in results.configs if n in shown], results.is_ordered)
    images = images_of(next(iter(runs.values()))[0])
    panels: list = [[f"{next(iter(images))}_accuracy", f"{part}_loss"] for part in images]
    foot = "Percentages: after the last epoch. "
    foot += BAND * any(len(found) > 1 for found in runs.values())
    foot += "; ".join(f"{label}: {why}" for label, why in results.reasons().items())
    size, margins = (9, 1.45 + max(3.35, 0.2 * len(shown))), (0.65, 0.85, 2.85, 0.6)
    spaces = {"width_ratios": [3, 2], "hspace": 0.6, "wspace": 0.3}
    with style.drawing(path, size, results.entry["question"], foot, margins) as figure:
        for name, axes in figure.subplot_mosaic(panels, gridspec_kw=spaces).items():
            part, quantity = name.split("_")
            for label in filter(runs.get, shown):
                draw_curve(axes, histories[label], name, looks[label], style.fit(label, 20, 5))
            lines = []
            for each in (histories[label] for label in runs if label not in shown):
                both = over_seeds(each, "epoch"), over_seeds(each, name)
                lines.append(np.stack(both, axis=2).mean(axis=0))  # (E, 2)
            more = f"{len(lines):,} more" if lines else ""
            axes.add_collection(LineCollection(lines, color="#CCCCCC", lw=0.5, label=more))
            finish(axes, quantity, f"{TITLES[quantity]}, {images[part]}")
        style.legend(figure)
