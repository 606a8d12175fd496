"""All figures of one experiment, from its results as they are."""

import re
from typing import Any

from src.common.files import keep_only
from src.figures.answers import plot_grid, plot_ranking
from src.figures.curves import plot_comparison, plot_curves

MOST = 20  # configurations with a name and curves of their own, where there are more


def draw_experiment(results: Any, suffix: str = "png", all_figures: bool = False) -> None:
    """The comparison, the answer and the curves of each configuration, into the results' folder.

    Of more than 20 configurations only the best 20 are named and have curves of their own, unless
    `all_figures`. The answer waits for two configurations, and is a heat map if they are a grid.
    """
    folder, labels = results.folder, list(results.configs)
    behind = results.verdict.behind if results.verdict else {}
    best_first = sorted(labels, key=lambda label: behind.get(label, 1.0))
    named = best_first if all_figures else best_first[:MOST]
    drawn = {label: results.runs[label] for label in named if results.runs[label]}
    curves = {label: re.sub(r"[^\w.-]", "_", f"curves_{label}.{suffix}") for label in drawn}
    comparison, answer = f"comparison.{suffix}", f"answer.{suffix}"
    has_answer = len(behind) > 1
    keep_only(folder, [*curves.values(), *[comparison] * bool(drawn), *[answer] * has_answer])
    for label, runs in drawn.items():
        layers, seeds = "-".join(map(str, runs[0].config.layer_sizes)), len(runs)
        title = f"{label}: {layers}, {seeds} seed{'s' * (seeds > 1)}"
        plot_curves(folder / curves[label], title, runs)
    if drawn:
        plot_comparison(folder / comparison, results, named)
    if has_answer and results.is_grid:
        plot_grid(folder / answer, results)
    elif has_answer:
        plot_ranking(folder / answer, results, named if len(named) < len(labels) else labels)
