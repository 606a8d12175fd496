"""All figures of one experiment, from its results as they are."""

import re
from typing import Any

import numpy as np

from src.figures import answers, style
from src.figures.curves import plot_comparison, plot_curves

MOST = 20  # configurations with a name and curves of their own, where there are more


def draw_experiment(results: Any, suffix: str = "png", all_figures: bool = False) -> None:
    """The comparison, the answer and the curves of each configuration, into the results' folder.

    Of more than 20 configurations only the best 20 are named and have curves of their own, unless
    `all_figures`. The answer waits for two configurations, and is a heat map if they are a grid.
    """
    question, folder = results.entry["question"], results.folder
    runs = {label: found for label, found in results.runs.items() if found}
    wrong, _ = answers.wrong_answers(results)
    best_first = sorted(results.configs, key=lambda label: np.mean(wrong.get(label, np.inf)))
    named = best_first if all_figures else best_first[:MOST]
    looks = style.looks([n for n in results.configs if n in set(named)], results.is_ordered)
    names = {label: re.sub(r"[^\w.-]", "_", label) for label in named}
    files = {f"curves_{names[label]}.{suffix}": label for label in named if label in runs}
    comparison, answer = f"comparison.{suffix}", f"answer.{suffix}"
    style.keep_only(folder, [*files, *[comparison] * bool(runs), *[answer] * (len(wrong) > 1)])
    if not runs:
        return

    sample = max(
        run.metrics["measured_training_images"] for found in runs.values() for run in found
    )
    histories = {label: [run.history for run in runs[label]] for label in runs}
    failed = "; ".join(f"{label}: {why}" for label, why in results.reasons().items())
    best_looks = {label: looks[label] for label in named}
    plot_comparison(folder / comparison, question, histories, best_looks, sample, failed)
    for name, label in files.items():
        layers, seeds = style.architecture(runs[label][0].config.hidden), len(runs[label])
        title = f"{label}: {layers}, {seeds} seed{'s' * (seeds > 1)}"
        plot_curves(folder / name, title, histories[label], sample)
    if len(wrong) > 1 and results.is_grid:
        answers.plot_grid(folder / answer, results)
    elif len(wrong) > 1:
        rows = named if len(named) < len(results.configs) else list(results.configs)
        answers.plot_ranking(folder / answer, results, rows)
