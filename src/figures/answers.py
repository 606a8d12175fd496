"""One figure that answers an experiment's question: what each configuration reaches and costs."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from src.figures import style

Wrong = dict[str, np.ndarray]  # label -> wrong answers of each finished run, in percent


def wrong_answers(results: Any) -> tuple[Wrong, str]:
    """How wrong each configuration's runs are, all on the same kind of images, and on which."""
    kind = "validation" if "validation" in results.measure else "test"
    wrong = {n: style.percent_wrong(list(seeds.values())) for n, seeds in results.values.items()}
    return wrong, f"wrong answers on {kind} images (log scale)"


def noise_of(verdict: Any, label: str) -> float:
    """How many points `label` may lie behind the best and still be as good; 0 if unknown."""
    known = [noise for noise in verdict.noise.values() if np.isfinite(noise)]
    own = verdict.noise.get(label, np.nan)
    return 100 * float(own if np.isfinite(own) else np.median(known) if known else 0)


def plot_ranking(path: Path, results: Any, shown: list[str]) -> None:
    """What each configuration reaches (each seed a tick, the mean a dot) and what it costs.

    What was tried "with" the last row above and not kept is hollow.
    """
    (wrong, what), failed, verdict = wrong_answers(results), results.reasons(), results.verdict
    title, others = (
        results.entry["question"],
        [wrong[label].mean() for label in wrong if label not in shown],
    )
    names = [style.wrapped(label) for label in shown]
    names += [f"{len(others):,} more, their means"] * bool(others)
    height, best = 0.36 * len(names) + 0.2, float(wrong[verdict.best].mean())
    foot = "dot: mean of the seeds; ticks: each seed"
    foot += "; shaded: within the noise of the best" * (noise_of(verdict, verdict.best) > 0)
    with style.drawing(path, (9, height + 1.3), title, foot) as figure:
        axes = style.place(figure, 2.1, 0.8, 2.9, height)
        beside: dict = {"va": "center", "size": 8.5, "transform": axes.get_yaxis_transform()}
        for row, label in enumerate(shown):
            if label not in wrong:
                axes.text(0.01, row, style.short(failed.get(label, "no result yet"), 50), **beside)
                continue
            axes.barh(row, noise_of(verdict, label), 1, left=best, color="black", alpha=0.1, lw=0)
            values, hollow = wrong[label], label.startswith("with ")
            ink = style.GREY if hollow else "black"
            axes.plot(values, [row] * len(values), "|-", ms=9, lw=1, color=ink)
            axes.plot(values.mean(), row, "o", ms=6, color=ink, mfc="white" if hollow else ink)
            part = f"\n({len(values)} of {len(results.configs[label])} runs)" * (label in failed)
            axes.text(1.02, row, f"{values.mean():.2f}%{part}", **beside)
        axes.plot(others, [len(shown)] * len(others), "|", ms=9, color="black", alpha=0.3)
        style.log_axis(axes.xaxis, wrong.values(), "%", 1.25)
        axes.set(xlabel=what, ylim=(len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names)
        axes.grid(False, axis="y")
        for left, cost, unit in ((5.9, "seconds", ".1f"), (7.4, "parameters", ",")):
            runs = {row: results.runs[label] for row, label in enumerate(shown) if label in wrong}
            prices = {row: min(run.metrics[cost] for run in runs[row]) for row in runs}
            if cost == "parameters" and len(set(prices.values())) == 1:
                continue
            axes = style.place(figure, left, 0.8, 0.8, height)
            for row, price in prices.items():
                axes.barh(row, price, height=0.5, color=style.GREY)
                axes.text(price, row, f" {price:{unit}}", va="center", size=8.5)
            axes.set(xlabel=cost, ylim=(len(names) - 0.5, -0.5), xticks=[], yticks=[])


def plot_grid(path: Path, results: Any) -> None:
    """A heat map of two hyperparameters: wrong answers, +- their standard deviation over the seeds.

    The best cell, and all within the noise of it, are framed; with five times the best one's wrong
    answers a cell is as dark as it gets.
    """
    (wrong, what), failed, verdict = wrong_answers(results), results.reasons(), results.verdict
    best, (y_name, x_name) = wrong[verdict.best].mean(), results.varied
    rows, columns = in_order(results.varied[y_name]), in_order(results.varied[x_name])
    means = np.full((len(rows), len(columns)), np.nan)
    width, height = min(7.0, 1.1 * len(columns)), min(6.0, 0.62 * len(rows))
    foot = f"{what.split(' (')[0]}; framed: the best, and all within the noise of it"
    title = results.entry["question"]
    with style.drawing(path, (width + 2.2, height + 1.6), title, foot) as figure:
        axes = style.place(figure, 1.05, 0.95, width, height)
        for label, row, column in results.varied.itertuples():
            y, x, text = rows.index(row), columns.index(column), ""
            if label in wrong:
                means[y, x], values = wrong[label].mean(), wrong[label]
                text = f"{values.mean():.2f}%"
                text += f"\n± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
            elif label in failed:
                text = style.wrapped(f"failed: {failed[label]}", 20)
            if means.size <= 100:  # else there is no room for numbers
                ink = "white" if means[y, x] > 2.2 * best else "black"
                size = 8.5 if label in wrong else 5.5
                axes.text(x, y, text, color=ink, size=size, ha="center", va="center")
            if label == verdict.best or verdict.behind.get(label, 1) <= verdict.noise.get(label, 0):
                frame = Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, ec="black", lw=2.5)
                axes.add_patch(frame)
        scale = LogNorm(best, 5 * best, clip=True)
        style.draw_picture(axes, means, "", cmap="viridis_r", aspect="auto", norm=scale)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(range(len(columns)), columns)
        axes.set(ylabel=y_name.replace("_", " "), xlabel=x_name.replace("_", " "))
        bar = style.place(figure, width + 1.25, 0.95, 0.15, height)
        figure.colorbar(axes.images[0], cax=bar, extend="max")
        style.log_axis(bar.yaxis, [np.array([best, 5 * best])], "%")
        bar.set(ylim=(best, 5 * best))


def in_order(values: Any) -> list:
    """The different values of a hyperparameter: numbers by size, others in the table's order."""
    options = list(dict.fromkeys(values))
    return sorted(options) if all(isinstance(each, (int, float)) for each in options) else options
