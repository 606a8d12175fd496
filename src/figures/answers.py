"""One figure that answers an experiment's question: what each configuration reaches and costs."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from src.figures import style


def scores(metrics: dict[str, list[dict]]) -> tuple[dict[str, np.ndarray], str]:
    """The error rates of each configuration's runs on the validation images, or on the test images
    if some run validated on nothing, and the axis label.
    """
    for name in ("last_validation_accuracy", "test_accuracy"):
        values = {key: [run.get(name, np.nan) for run in runs] for key, runs in metrics.items()}
        if np.isfinite([value for row in values.values() for value in row]).all():
            break
    errors = {key: style.error_rate(row) for key, row in values.items()}
    whole = {key: row for key, row in errors.items() if len(row) and np.isfinite(row).all()}
    what = name.removeprefix("last_").split("_")[0]
    return whole, f"accuracy on {what} images (log scale of the error)"


def spread(values: np.ndarray) -> tuple[float, list[list[float]]]:
    """Mean, and error bars down to the lowest and up to the highest value."""
    mean = float(np.mean(values))
    return mean, [[mean - np.min(values)], [np.max(values) - mean]]


def plot_ranking(
    path: Path, title: str, metrics: dict[str, list[dict]], failed: dict[str, str], ordered: bool
) -> None:
    """What each configuration reaches (every seed a tick, the mean a dot) and what it costs."""
    (errors, what), looks = scores(metrics), style.looks(metrics, ordered)
    height = 0.34 * len(metrics) + 0.2
    figure = Figure((9, height + 1.0))
    axes = style.place(figure, 1.9, 0.5, 3.7, height)
    cost = style.place(figure, 6.75, 0.5, 2.1, height)
    longest = 0.0
    for row, (label, runs) in enumerate(metrics.items()):
        ink, _, marker = looks[label]
        text: dict = {"va": "center", "size": 8.5, "transform": axes.get_yaxis_transform()}
        if label not in errors:
            why = f"failed: {failed[label]}" if label in failed else "not measured"
            axes.text(0.01, row, style.short(why, 60), color=ink, **text)
            continue
        mean, bar = spread(errors[label])
        axes.errorbar(mean, row, xerr=bar, fmt=marker, ms=6, color=ink)
        axes.plot(errors[label], [row] * len(runs), "|", ms=9, color=ink)
        part = f"\n({len(runs)} finished)" if label in failed else ""
        axes.text(1.01, row, f"{1 - mean:.2%}{part}", **text)
        seconds = min(run["seconds"] for run in runs)
        longest = max(longest, seconds)
        cost.barh(row, seconds, height=0.5, color=ink)
        cost.text(seconds, row, f" {seconds:.1f} s", va="center", size=8.5)
    style.accuracy_axis(axes.xaxis, errors.values())
    axes.set(xlabel=what, ylim=(len(metrics) - 0.5, -0.5))
    axes.set_yticks(range(len(metrics)), [style.short(label, 22) for label in metrics])
    cost.set(xlabel="seconds, fastest seed", ylim=axes.get_ylim(), yticks=[])
    cost.set_xlim(0, 1.3 * longest or 1)
    style.save(figure, path, title)


def plot_cost(
    path: Path, title: str, metrics: dict[str, list[dict]], failed: dict[str, str], ordered: bool
) -> None:
    """Accuracy against what it costs: parameters, and seconds of training.

    The grey line joins the best trade-offs (the Pareto front): nothing is both cheaper and better.
    """
    (errors, what), looks = scores(metrics), style.looks(metrics, ordered)
    figure = Figure((9, 4.3))
    for left, cost in ((0.65, "parameters"), (4.2, "seconds")):
        axes = style.place(figure, left, 0.65, 2.8, 3.0)
        prices = {label: min(run[cost] for run in metrics[label]) for label in errors}
        for label, error in errors.items():
            y, y_bar = spread(error)
            ink, _, marker = looks[label]
            look: dict = {"color": ink, "fmt": marker, "ms": 7, "mec": "white", "mew": 0.6, "lw": 1}
            axes.errorbar(prices[label], y, y_bar, alpha=0.85, zorder=3, **look)
        front = pareto_front([(prices[key], errors[key].mean()) for key in errors])
        axes.plot(*np.reshape(front, (-1, 2)).T, color="grey", lw=1, drawstyle="steps-post")
        style.log_axis(axes.xaxis, [np.array(list(prices.values()))], least=1.25)
        style.accuracy_axis(axes.yaxis, errors.values())
        axes.set_xlabel(f"{cost}{', fastest seed' * (cost == 'seconds')} (log scale)")
    axes.text(0.98, 0.02, "grey: the best trade-offs", ha="right", size=8, transform=axes.transAxes)
    figure.axes[0].set_title(what, loc="left")
    ends = []
    for label in metrics:
        text = style.named(label, failed, label in errors)
        ends.append((text, float(np.mean(errors.get(label, np.nan))), looks[label]))
    style.label_ends(axes, ends, marks=True)
    style.save(figure, path, title, failed)


def pareto_front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, error) that no other beats in both, cheapest first."""
    front: list[tuple[float, float]] = []
    for cost, error in sorted(points):
        if not front or error < front[-1][1]:
            front.append((cost, error))
    return front


def plot_signal(path: Path, title: str, layers: dict[str, list[dict]]) -> None:
    """How large activations and gradients are in each layer before training: label -> layers."""
    figure, looks = Figure((9, 4.2)), style.looks(layers)
    names = {"activation_std": "pre-activations z", "gradient_std": "weight gradients dL/dW"}
    for left, (name, what) in zip((0.85, 4.3), names.items()):
        axes = style.place(figure, left, 0.5, 2.75, 3.05)
        drawn, ends = [], []
        for label, rows in layers.items():
            values = np.array([row[name] for row in rows], dtype=float)
            drawn.append(np.where(values > 0, values, np.nan))
            text, (ink, dashes, marker) = style.short(label, 18), looks[label]
            if np.isfinite(drawn[-1]).any():
                steps = range(1, len(rows) + 1)
                axes.plot(steps, drawn[-1], color=ink, ls=dashes, ms=4, marker=marker)
            else:
                text += ": all 0"
            ends.append((text, float(drawn[-1][-1]), looks[label]))
        style.log_axis(axes.yaxis, drawn)
        style.whole_axis(axes, 1, max(map(len, layers.values())), "layer")
        axes.set_title(f"spread of the {what}")
    figure.axes[0].set_ylabel("standard deviation (log scale)")
    style.label_ends(axes, ends)
    style.save(figure, path, title)


def plot_grid(
    path: Path,
    title: str,
    row_name: str,
    rows: list,
    column_name: str,
    columns: list,
    means: np.ndarray,
    deviations: np.ndarray,
    marked: np.ndarray,
    failed: dict[tuple[int, int], str],
) -> None:
    """A heat map of two hyperparameters: accuracy (rows, columns), NaN = no result, +- its spread.

    `marked` cells, the best and all within the noise of it, have a frame. The colour goes by the
    logarithm of the error, and with five times the best one's error it is as dark as it gets.
    """
    width, height = max(0.95 * len(columns), 3.6), 0.62 * len(rows)
    figure = Figure((width + 1.5, height + 1.5))
    axes = style.place(figure, 1.1, 1.0, width, height)
    error = style.error_rate(means)
    lowest = float(np.nanmin(error)) if np.isfinite(error).any() else 1.0
    shades = 1 - np.clip(np.log(error / lowest) / np.log(5), 0, 1)
    style.draw_picture(axes, shades, "", cmap="cividis", aspect="auto", vmin=0, vmax=1)
    for (row, place), shade in np.ndenumerate(shades):
        if np.isfinite(shade):
            text, size = f"{means[row][place]:.2%}", 8.5
            if np.isfinite(deviations[row][place]):
                text += f"\n± {100 * deviations[row][place]:.2f}"
            ink = "white" if np.mean(colormaps["cividis"](shade)[:3]) < 0.45 else "black"
        else:
            text, size, ink = style.short(failed.get((row, place), "no result"), 28), 6.5, "black"
            text = f"failed\n{text}" if (row, place) in failed else text
        axes.text(place, row, text, ha="center", va="center", color=ink, size=size)
        if marked[row][place]:
            frame: dict = {"fill": False, "edgecolor": style.colour(1), "lw": 2.5}
            axes.add_patch(Rectangle((place - 0.47, row - 0.46), 0.94, 0.92, **frame))
    axes.set_xticks(range(len(columns)), [style.short(value, 12) for value in columns])
    axes.set_yticks(range(len(rows)), [style.short(value, 12) for value in rows])
    axes.set(xlabel=column_name, ylabel=row_name)
    note = "framed: the best, and all within the noise of it\n± one standard deviation, in points"
    figure.text(0.5, 0.12 / figure.get_figheight(), note, ha="center", size=8)
    style.save(figure, path, title)
