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
    name, measured = results.measured()
    kind = "validation" if "validation" in name else "test"
    wrong = {label: style.percent_wrong(list(seeds.values())) for label, seeds in measured.items()}
    return wrong, f"wrong answers on {kind} images (log scale)"


def noise_of(verdict: Any, label: str) -> float:
    """How many points `label` may lie behind the best and still be as good; 0 if unknown."""
    known = [noise for noise in verdict.noise.values() if np.isfinite(noise)]
    own = verdict.noise.get(label, np.nan)
    return 100 * float(own if np.isfinite(own) else np.median(known) if known else 0)


def plot_ranking(path: Path, title: str, results: Any, verdict: Any, shown: list[str]) -> None:
    """What each configuration reaches (each seed a tick, the mean a dot) and what it costs.

    What was tried "with" the last row above and not kept is hollow.
    """
    (wrong, what), failed = wrong_answers(results), results.reasons()
    others = [wrong[label].mean() for label in wrong if label not in shown]
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


def plot_signal(path: Path, title: str, layers: dict[str, list[dict]]) -> None:
    """How large sums and gradients are in each layer before training: label -> its layers."""
    names = {"activation_std": "sums z", "gradient_std": "gradients of the weights"}
    spreads = {name: [[row[name] for row in rows] for rows in layers.values()] for name in names}
    foot = "×: how much larger the spread of z is from one layer to the next"
    with style.drawing(path, (9, 4.4), title, foot) as figure:
        for left, (name, what) in zip((0.75, 3.9), names.items()):
            axes = style.place(figure, left, 0.85, 2.6, 2.95)
            for (label, look), values in zip(style.looks(layers).items(), spreads[name]):
                text, count = "all 0", len(values)
                if all(values):
                    text = f"× {(values[-1] / values[0]) ** (1 / max(1, count - 1)):.2g}"
                line: dict = {"color": look[0], "ls": look[1], "marker": look[2], "ms": 4}
                line |= {"label": style.wrapped(f"{label}: {text}"), "clip_on": False}
                axes.plot(range(1, count + 1), [value or np.nan for value in values], **line)
            style.log_axis(axes.yaxis, [np.array(v) for each in spreads.values() for v in each])
            style.whole_axis(axes, 1, max(map(len, layers.values())), "layer")
            axes.set_title(f"spread of the {what}")
        style.legend(figure, 6.7, 3.8)


def plot_grid(path: Path, title: str, results: Any, verdict: Any) -> None:
    """A heat map of two hyperparameters: wrong answers, +- their standard deviation over the seeds.

    The best cell, and all within the noise of it, are framed; with five times the best one's wrong
    answers a cell is as dark as it gets.
    """
    (wrong, what), failed = wrong_answers(results), results.reasons()
    best, differs = wrong[verdict.best].mean(), results.differs
    cells = {n: [getattr(c[0], name) for name in differs] for n, c in results.configs.items()}
    rows, columns = (list(dict.fromkeys(cell[axis] for cell in cells.values())) for axis in (0, 1))
    means = np.full((len(rows), len(columns)), np.nan)
    width, height = min(7.0, 1.1 * len(columns)), min(6.0, 0.62 * len(rows))
    foot = f"{what.split(' (')[0]}; framed: the best, and all within the noise of it"
    with style.drawing(path, (width + 2.2, height + 1.6), title, foot) as figure:
        axes = style.place(figure, 1.05, 0.95, width, height)
        for label, cell in cells.items():
            y, x = rows.index(cell[0]), columns.index(cell[1])
            text = style.wrapped(f"failed: {failed[label]}", 20) if label in failed else ""
            if label in wrong:
                means[y, x], values = wrong[label].mean(), wrong[label]
                text = f"{values.mean():.2f}%"
                text += f"\n± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
            if means.size <= 100:  # else there is no room for numbers
                ink = "white" if means[y, x] > 2.2 * best else "black"
                size = 8.5 if label in wrong else 5.5
                axes.text(x, y, text, color=ink, size=size, ha="center", va="center")
            if label == verdict.best or verdict.behind.get(label, 1) <= verdict.noise.get(label, 0):
                frame = Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, ec="black", lw=2.5)
                axes.add_patch(frame)
        scale = LogNorm(best, 5 * best, clip=True)
        style.draw_picture(axes, means, "", cmap="viridis_r", aspect="auto", norm=scale)
        for axis, options, name in zip((axes.yaxis, axes.xaxis), (rows, columns), differs):
            ticks = ["-".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in options]
            axis.set_ticks(range(len(options)), ticks)
            axis.set_label_text(name.replace("_", " "))
        bar = style.place(figure, width + 1.25, 0.95, 0.15, height)
        figure.colorbar(axes.images[0], cax=bar, extend="max")
        style.log_axis(bar.yaxis, [np.array([best, 5 * best])], "%")
        bar.set(ylim=(best, 5 * best))
