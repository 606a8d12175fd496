"""One figure that answers an experiment's question: what each configuration reaches and costs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from src.figures import style
from src.figures.curves import percent_wrong


def wrong_answers(results: Any) -> dict[str, np.ndarray]:
    """Wrong answers of each configuration's runs, in percent."""
    return {label: percent_wrong([*seeds.values()]) for label, seeds in results.values.items()}


def cheapest(results: Any, labels: list[str], cost: str) -> list[float]:
    """The lowest cost of each configuration's runs; NaN where there are none."""
    runs = [results.runs[label] for label in labels]
    return [min((run.metrics[cost] for run in each), default=np.nan) for each in runs]


def plot_ranking(path: Path, results: Any, shown: list[str]) -> None:
    """What each configuration reaches (each seed a tick, the mean a dot) and what it costs.

    What was tried "with" the last row above and not kept is hollow.
    """
    wrong, failed, verdict = wrong_answers(results), results.reasons(), results.verdict
    others = [values.mean() for label, values in wrong.items() if label not in shown]
    names = [style.wrapped(label) for label in shown]
    names += [f"{len(others):,} more, their means"] * bool(others)
    costs = {cost: cheapest(results, shown, cost) for cost in ("seconds", "parameters")}
    costs = {cost: each for cost, each in costs.items() if np.nanmin(each) < np.nanmax(each)}
    noise = pd.Series(verdict.noise, dtype=float)  # unknown for the best and the unsteady ones
    noise = 100 * noise.fillna(noise.mean()).reindex(shown).fillna(0)
    foot = "dot: mean of the seeds; ticks: each seed"
    foot += "; shaded: within the noise of the best" * int(noise.any())
    size, margins = (9, 0.36 * len(names) + 1.5), (2.1, 0.8, 0.85, 0.5)
    with style.drawing(path, size, results.entry["question"], foot, margins) as figure:
        spaces = {"width_ratios": [3.6, *[1] * len(costs)], "wspace": 0.6}
        grid = figure.subplots(1, 1 + len(costs), sharey=True, squeeze=False, gridspec_kw=spaces)
        axes, *panels = grid[0]
        axes.barh(range(len(shown)), noise, 1, wrong[verdict.best].mean(), color="#E5E5E5")
        beside: dict = {"va": "center", "size": 8.5, "transform": axes.get_yaxis_transform()}
        for row, label in enumerate(shown):
            if label not in wrong:
                axes.text(0.01, row, style.short(failed.get(label, "no result yet"), 50), **beside)
                continue
            values, hollow = wrong[label], label.startswith("with ")
            ink = style.GREY if hollow else "black"
            axes.plot(values, [row] * len(values), "|-", ms=9, lw=1, color=ink)
            axes.plot(values.mean(), row, "o", ms=6, color=ink, mfc="white" if hollow else ink)
            part = f"\n({len(values)} of {len(results.configs[label])} runs)" * (label in failed)
            axes.text(1.02, row, f"{values.mean():.2f}%{part}", **beside)
        axes.plot(others, [len(shown)] * len(others), "|", ms=9, color="black", alpha=0.3)
        style.log_axis(axes.xaxis, "%", 1.25)
        what = f"wrong answers on {results.kind} images (log scale)"
        axes.set(xlabel=what, ylim=(len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names)
        axes.grid(False, axis="y")
        for panel, (cost, each) in zip(panels, costs.items()):
            bars = panel.barh(range(len(shown)), each, height=0.5, color=style.GREY)
            form = "{:,.1f}" if cost == "seconds" else "{:,.0f}"
            panel.bar_label(bars, fmt=form, padding=3, size=8.5)
            panel.tick_params(left=False)
            panel.set(xlabel=cost, xticks=[])
            panel.grid(False)


def plot_grid(path: Path, results: Any) -> None:
    """A heat map of two hyperparameters: wrong answers, +- their standard deviation over the seeds.

    The best cell, and all within the noise of it, are framed; with five times the best one's wrong
    answers a cell is as dark as it gets. Why a run failed, the comparison says.
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
                means[y, x], values = wrong[label].mean(), wrong[label]
                text = f"{values.mean():.2f}%"
                text += f"\n± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
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
