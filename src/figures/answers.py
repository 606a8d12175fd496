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
    """What each configuration reaches (every seed a tick, the mean a dot) and what it costs.

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
        axes = style.place(figure, 2.1, 0.8, 3.6, height)
        cost = style.place(figure, 6.75, 0.8, 1.5, height)
        beside: dict = {"va": "center", "size": 8.5, "transform": axes.get_yaxis_transform()}
        for row, label in enumerate(shown):
            if label not in wrong:
                axes.text(0.01, row, style.short(failed.get(label, "no result yet"), 55), **beside)
                continue
            axes.barh(row, noise_of(verdict, label), 1, left=best, color="black", alpha=0.1, lw=0)
            values, runs, hollow = wrong[label], results.runs[label], label.startswith("with ")
            ink = style.GREY if hollow else "black"
            axes.plot(values, [row] * len(values), "|-", ms=9, lw=1, color=ink)
            axes.plot(values.mean(), row, "o", ms=6, color=ink, mfc="white" if hollow else ink)
            part = f"\n({len(runs)} of {len(results.configs[label])} runs)" * (label in failed)
            axes.text(1.01, row, f"{values.mean():.2f}%{part}", **beside)
            seconds = min(run.metrics["seconds"] for run in runs)
            cost.barh(row, seconds, height=0.5, color=style.GREY)
            cost.text(seconds, row, f" {seconds:.1f} s", va="center", size=8.5)
        axes.plot(others, [len(shown)] * len(others), "|", ms=9, color="black", alpha=0.3)
        style.log_axis(axes.xaxis, wrong.values(), "%", 1.25)
        axes.set(xlabel=what, ylim=(len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), names)
        axes.grid(False, axis="y")
        cost.set(xlabel="seconds, fastest seed", ylim=axes.get_ylim(), yticks=[])


def plot_cost(
    path: Path, title: str, results: Any, verdict: Any, looks: dict[str, style.Look]
) -> None:
    """Wrong answers against what they cost: parameters, and seconds of training."""
    wrong, what = wrong_answers(results)
    noise, best = noise_of(verdict, verdict.best), float(wrong[verdict.best].mean())
    foot = "bar: lowest to highest seed; grey line: the best that can be had at this cost"
    foot += "; shaded: within the noise of the best" * (noise > 0)
    height = max(3.0, 0.2 * len(looks))
    with style.drawing(path, (9, height + 1.55), title, foot) as figure:
        for left, cost in ((0.65, "parameters"), (3.9, "seconds")):
            axes = style.place(figure, left, 0.9, 2.65, height)
            price = {n: min(run.metrics[cost] for run in results.runs[n]) for n in wrong}
            for label, (ink, _, marker) in looks.items():
                values = wrong.get(label, np.array([np.nan]))
                at = [price.get(label, np.nan)]
                result = f"{values.mean():.2f}%  " if label in wrong else "no result: "
                point: dict = {"marker": marker, "ms": 7, "mec": "white", "mew": 0.6, "ls": ""}
                axes.plot(at * len(values), values, color=ink, lw=1)
                axes.plot(
                    at, values.mean(), color=ink, label=result + style.wrapped(label), **point
                )
            points = np.array(sorted((price[label], wrong[label].mean()) for label in wrong))
            crowd = [(price[label], wrong[label].mean()) for label in wrong if label not in looks]
            more = f"{len(crowd):,} more" if crowd else ""
            axes.plot(*np.reshape(crowd, (-1, 2)).T, ".", color=style.GREY, alpha=0.4, label=more)
            front = np.minimum.accumulate(points[:, 1])
            axes.plot(points[:, 0], front, color=style.GREY, lw=1, drawstyle="steps-post", zorder=0)
            axes.axhspan(best, best + noise, color="black", alpha=0.1, lw=0)
            style.log_axis(axes.xaxis, [points[:, 0]], least=1.25)
            style.log_axis(axes.yaxis, wrong.values(), "%", 1.25)
            axes.set_xlabel(f"{cost}{', fastest seed' * (cost == 'seconds')} (log scale)")
        figure.axes[0].set_title(what, loc="left")
        style.legend(figure, 6.7, 0.9 + height)


def plot_signal(path: Path, title: str, layers: dict[str, list[dict]]) -> None:
    """How large sums and gradients are in each layer before training: label -> its layers."""
    names = {"activation_std": "sums z", "gradient_std": "gradients of the weights"}
    spreads = {name: [[row[name] for row in rows] for rows in layers.values()] for name in names}
    foot = "×: how much larger the spread of z is from one layer to the next"
    with style.drawing(path, (9, 4.4), title, foot) as figure:
        for left, (name, what) in zip((0.75, 3.9), names.items()):
            axes = style.place(figure, left, 0.85, 2.6, 2.95)
            for (label, look), values in zip(style.looks(layers).items(), spreads[name]):
                growth = (
                    (values[-1] / values[0]) ** (1 / max(1, len(values) - 1)) if all(values) else 0
                )
                line: dict = {"color": look[0], "ls": look[1], "marker": look[2], "ms": 4}
                shown = [value or np.nan for value in values]  # 0 has no place on a log scale
                text = f"{label}: × {growth:.2g}" if growth else f"{label}: all 0"
                axes.plot(range(1, len(values) + 1), shown, label=text, clip_on=False, **line)
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
    names, best = [name.replace("_", " ") for name in results.differs], wrong[verdict.best].mean()
    cells = {
        n: [getattr(c[0], name) for name in results.differs] for n, c in results.configs.items()
    }
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
        for axis, values, name in ((axes.yaxis, rows, names[0]), (axes.xaxis, columns, names[1])):
            ticks = ["-".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in values]
            axis.set_ticks(range(len(values)), ticks)
            axis.set_label_text(name)
        bar = style.place(figure, width + 1.25, 0.95, 0.15, height)
        figure.colorbar(axes.images[0], cax=bar, extend="max")
        style.log_axis(bar.yaxis, [np.array([best, 5 * best])], "%")
        bar.set(ylim=(best, 5 * best))
