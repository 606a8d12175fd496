"""The figures of an experiment: its curves, and what each configuration reaches and costs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from src.common.files import keep_only
from src.figures import style
from src.figures.curves import percent_wrong, plot_comparison, plot_curves

MOST = 20  # configurations with a name and curves of their own, where there are more


def draw_experiment(results: Any, suffix: str = "png", all_figures: bool = False) -> None:
    """The comparison, the answer and the curves of each configuration, into the results' folder.

    Of more than 20 configurations only the best 20 are named and have curves of their own, unless
    `all_figures`. The answer is drawn once two of them have results; that of a grid is a heat map.
    """
    folder, labels, runs = results.folder, list(results.configs), results.runs
    behind = results.verdict.behind
    best_first = sorted(labels, key=lambda label: behind.get(label, 1.0))
    named = best_first if all_figures else best_first[:MOST]
    files = {n: re.sub(r"[^\w.-]", "_", f"curves_{n}.{suffix}") for n in named if runs[n]}
    comparison, answer = f"comparison.{suffix}", f"answer.{suffix}"
    has_answer = len(behind) > 1
    keep_only(folder, [*files.values(), *[comparison] * bool(files), *[answer] * has_answer])
    for label, file in files.items():
        layers, seeds = "-".join(map(str, runs[label][0].config.layer_sizes)), len(runs[label])
        title = f"{label}: {layers}, {seeds} seed{'s' * (seeds > 1)}"
        plot_curves(folder / file, title, runs[label])
    if files:
        plot_comparison(folder / comparison, results, named)
    if has_answer and results.is_grid:
        plot_grid(folder / answer, results)
    elif has_answer:
        plot_ranking(folder / answer, results, named if len(named) < len(labels) else labels)


def wrong_answers(results: Any) -> dict[str, np.ndarray]:
    """Wrong answers of each configuration's runs, in percent."""
    return {label: percent_wrong([*seeds.values()]) for label, seeds in results.values.items()}


def plot_ranking(path: Path, results: Any, shown: list[str]) -> None:
    """What each configuration reaches (each seed a tick, the mean a dot) and what it costs.

    What was tried "with" the last row above and not kept is hollow.
    """
    wrong, failed, verdict = wrong_answers(results), results.reasons(), results.verdict
    noise = 100 * verdict.noise.fillna(verdict.noise.mean()).fillna(0)  # unknown for the best
    others = [values.mean() for label, values in wrong.items() if label not in shown]
    names = [style.fit(label, 24, 3) for label in shown]
    names += [f"{len(others):,} more, their means"] * bool(others)
    foot = "dot: mean of the seeds; ticks: each seed"
    foot += "; shaded: within the noise of the best" * bool(noise.any())
    size, margins = (9, 0.36 * len(names) + 1.6), (2.1, 0.8, 2.5, 0.65)
    with style.drawing(path, size, results.entry["question"], foot, margins) as figure:
        axes = figure.subplots()
        in_row: dict = {"va": "center", "size": 8.5, "transform": axes.get_yaxis_transform()}
        columns = {"mean": 1.13, "runs": 1.21, "seconds": 1.34, "parameters": 1.53}  # ends of them
        for name, x in columns.items():
            axes.text(x, -0.75, name, ha="right", **in_row)
        for row, label in enumerate(shown):
            if label not in wrong:
                axes.text(0.01, row, style.fit(failed.get(label, "no result yet"), 60), **in_row)
                continue
            values, runs = wrong[label], results.runs[label]
            ink, fill = (style.GREY, "white") if label.startswith("with ") else ("black", "black")
            axes.barh(row, noise[label], 1, wrong[verdict.best].mean(), color="#E5E5E5")
            axes.plot(values, [row] * len(values), "|-", ms=9, lw=1, color=ink)
            axes.plot(values.mean(), row, "o", ms=6, color=ink, mfc=fill)
            seconds = min(run.metrics["seconds"] for run in runs)
            parameters = runs[0].metrics["parameters"]
            cells = f"{values.mean():.2f}%", str(len(values)), f"{seconds:,.1f}", f"{parameters:,}"
            for x, cell in zip(columns.values(), cells):
                axes.text(x, row, cell, ha="right", **in_row)
        axes.plot(others, [len(shown)] * len(others), "|", ms=9, color="black", alpha=0.3)
        style.log_axis(axes.xaxis, "%", 1.25)
        what = f"wrong answers on {results.kind} images (log scale)"
        axes.set(xlabel=what, ylim=(len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names)
        axes.grid(False, axis="y")


def plot_grid(path: Path, results: Any) -> None:
    """A heat map of two hyperparameters: wrong answers, +- their standard deviation over the seeds.

    The best cell, and all within its noise, are framed. The darkest have five times its errors.
    """
    wrong, verdict, varied = wrong_answers(results), results.verdict, results.varied
    numeric = [pd.api.types.is_numeric_dtype(varied[name]) for name in varied]  # by size
    (ys, rows), (xs, columns) = (pd.factorize(varied[n], sort) for n, sort in zip(varied, numeric))
    means, best = np.full((len(rows), len(columns)), np.nan), wrong[verdict.best].mean()
    size = min(7.0, 1.1 * len(columns)) + 2.2, min(6.0, 0.62 * len(rows)) + 1.6
    foot = f"wrong answers on {results.kind} images; framed: the best, and all within its noise"
    title, margins = results.entry["question"], (1.05, 0.95, 1, 0.65)
    with style.drawing(path, size, title, foot, margins) as figure:
        axes = figure.subplots()
        for label, y, x in zip(varied.index, ys, xs):
            text = "failed" if label in results.reasons() else ""
            if label in wrong:
                means[y, x], spread = wrong[label].mean(), pd.Series(wrong[label]).std()
                text = f"{means[y, x]:.2f}%" + f"\n± {spread:.2f}" * (len(wrong[label]) > 1)
            if means.size <= 100:  # else there is no room for numbers
                ink = "white" if means[y, x] > 2.2 * best else "black"
                axes.text(x, y, text, color=ink, size=8.5, ha="center", va="center")
            if label == verdict.best or verdict.behind.get(label, 1) <= verdict.noise.get(label, 0):
                frame = Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, ec="black", lw=2.5)
                axes.add_patch(frame)
        scale = LogNorm(best, 5 * best, clip=True)
        style.draw_picture(axes, means, cmap="viridis_r", aspect="auto", norm=scale)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(range(len(columns)), columns)
        y_name, x_name = (name.replace("_", " ") for name in varied)
        axes.set(ylabel=y_name, xlabel=x_name)
        ticks: dict = {"ticks": best * np.arange(1, 6), "format": "{x:.3g}%"}
        figure.colorbar(axes.images[0], fraction=0.04, extend="max", **ticks).minorticks_off()
