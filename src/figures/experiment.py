"""All figures of one experiment."""

from pathlib import Path

import numpy as np

from src.figures.answers import plot_cost, plot_grid, plot_ranking, plot_signal
from src.figures.curves import plot_comparison, plot_curves
from src.figures.style import architecture

OURS = ("answer.", "comparison.", "curves_", "signal.")  # how the names of these figures begin


def draw_experiment(
    folder: Path,
    question: str,
    answer: str,
    configurations: dict[str, dict],
    ordered: bool,
    signal: dict[str, list[dict]] | None = None,
    cells: dict | None = None,
) -> None:
    """The comparison, the answer and each configuration's own curves, as PNG files in `folder`.

    Of each configuration: layer_sizes, the name of its `file`, histories and metrics (one a
    finished run), and why runs `failed`, or "". `ordered`: they are a series of one number.
    `signal` and `cells` are the further arguments of plot_signal and plot_grid.
    """
    histories = {label: one["histories"] for label, one in configurations.items()}
    metrics = {label: one["metrics"] for label, one in configurations.items()}
    failed = {label: one["failed"] for label, one in configurations.items() if one["failed"]}
    every = [each for runs in metrics.values() for each in runs]
    written = set()
    if every:
        sample = max(each["measured_training_images"] for each in every)
        plot_comparison(folder / "comparison.png", question, histories, failed, ordered, sample)
        if answer == "grid" and cells:
            plot_grid(folder / "answer.png", question, **cells)
        else:
            plot = plot_cost if answer == "cost" else plot_ranking
            plot(folder / "answer.png", question, metrics, failed, ordered)
        written = {"comparison.png", "answer.png"}
        if signal:
            plot_signal(folder / "signal.png", f"{question}: before training", signal)
            written.add("signal.png")
    for label, one in configurations.items():
        if one["histories"]:
            plot_curves(folder / one["file"], curve_title(label, one), one["histories"], sample)
            written.add(one["file"])
    for old in folder.glob("*.png"):
        if old.name not in written and old.name.startswith(OURS):
            old.unlink()


def curve_title(label: str, one: dict) -> str:
    """What was trained, how often, and what it reached."""
    count, metrics = len(one["histories"]), one["metrics"]
    title = f"{label}: {architecture(one['layer_sizes'][1:-1])}, {count} seed{'s' * (count > 1)}"
    title += f", train loss {np.mean([run['last_train_loss'] for run in metrics]):.4f}"
    for key in ("last_validation_accuracy", "test_accuracy"):
        if values := [run[key] for run in metrics if key in run]:
            name = key.removeprefix("last_").replace("_", " ")
            title += f", {name} {np.mean(values):.2%}"
    return title
