"""All figures of one experiment, from its results as they are."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from src.figures import answers, style
from src.figures.curves import plot_comparison, plot_curves

MOST = 20  # configurations with a name and curves of their own, where there are more


def draw_experiment(
    folder: Path,
    entry: dict,
    results: Any,
    verdict: Any,
    suffix: str = "png",
    all_figures: bool = False,
    signal: dict[str, list[dict]] | None = None,
) -> None:
    """The comparison, the answer and the curves of each configuration, as files in `folder`.

    entry: the experiment's question and answer; results: its configs, runs and failures by label;
    verdict: the best, how far each lies behind it and the noise of that; signal: label ->
    statistics of each layer before training, else those of the runs. Of more than 20
    configurations only the best 20 are named and have curves of their own, unless `all_figures`.
    """
    question, answer = entry["question"], entry.get("answer", "ranking")
    runs = {label: found for label, found in results.runs.items() if found}
    wrong, _ = answers.wrong_answers(results)
    best_first = sorted(results.configs, key=lambda label: np.mean(wrong.get(label, np.inf)))
    named = best_first if all_figures else best_first[:MOST]
    colours = style.looks([n for n in results.configs if n in set(named)], results.ordered)
    looks = {label: colours[label] for label in named}
    names = {label: re.sub(r"[^\w.-]", "_", label) for label in named}
    files = {f"curves_{names[label]}.{suffix}": label for label in named if label in runs}
    if answer == "signal" and not signal:
        signal = {n: [row for row in runs[n][0].layers if row["epoch"] == 0] for n in runs}
    wanted = {"comparison": runs, "answer": len(wrong) > 1, "signal": signal}
    paths = {name: folder / f"{name}.{suffix}" for name, due in wanted.items() if due}
    style.keep_only(folder, [*files, *(path.name for path in paths.values())])

    if runs:
        every = [run for found in runs.values() for run in found]
        sample = max(run.metrics["measured_training_images"] for run in every)
        found = {label: [run.history for run in runs[label]] for label in runs}
        failed = "; ".join(f"{label}: {why}" for label, why in results.reasons().items())
        plot_comparison(paths["comparison"], question, found, looks, sample, failed)
        for name, label in files.items():
            layers, seeds = style.architecture(runs[label][0].config.hidden), len(found[label])
            title = f"{label}: {layers}, {seeds} seed{'s' * (seeds > 1)}"
            plot_curves(folder / name, title, found[label], sample)
    if "answer" in paths and answer == "grid":  # of one configuration there is no answer yet
        answers.plot_grid(paths["answer"], question, results, verdict)
    elif "answer" in paths:
        rows = named if len(named) < len(results.configs) else list(results.configs)
        answers.plot_ranking(paths["answer"], question, results, verdict, rows)
    if signal:
        answers.plot_signal(paths["signal"], f"{question}: before training", signal)
