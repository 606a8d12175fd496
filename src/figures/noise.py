"""What noise looks like: equal configurations, compared again and again."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from src.figures import style


def plot_noise(path: Path, title: str, means: np.ndarray, half_width: float | np.ndarray) -> None:
    """Many sweeps of configurations that are all equal; what differs is luck.

    means: accuracies (sweeps, configurations); half_width: how far behind the best a mean has to be
    before the verdict calls the difference real, one number or one a sweep (sweeps,). Left, the
    first twelve sweeps; right, how far the last is behind the best, over all of them.
    """
    points = 100 * (means - np.mean(means))
    limits = 100 * np.broadcast_to(half_width, len(points))
    best, behind = points.max(axis=1), np.ptp(points, axis=1)
    figure = Figure((9, 4.0))
    axes = style.place(figure, 0.6, 0.5, 5.0, 2.9)
    for row, values in enumerate(points[:12]):
        axes.barh(row, -limits[row], 0.7, best[row], color=style.colour(5), alpha=0.25)
        for value in values:
            ink = style.colour(0 if value >= best[row] - limits[row] else 1)
            axes.plot(value, row, "o", ms=4.5, color=ink, clip_on=False)
    axes.set(ylim=(row + 0.6, -0.6), ylabel="sweep", xlabel="accuracy, points from the mean")
    axes.set_yticks(range(row + 1), [str(sweep) for sweep in range(1, row + 2)])
    axes.margins(x=0.02)
    axes.set_title(f"{points.shape[1]} equal configurations; shaded: within the noise of the best")
    axes = style.place(figure, 6.1, 0.5, 2.75, 2.9)
    counts, edges = np.histogram(behind, bins=30)
    axes.stairs(counts, edges, fill=True, color=style.colour(5), alpha=0.6)
    axes.vlines(limits.mean(), 0, counts.max(), color=style.colour(1), lw=1.5)
    share = np.mean(behind > limits)
    note = f"{share:.1%} of {len(points):,} sweeps find\na difference that is not there"
    axes.text(0.98, 0.98, note, ha="right", va="top", size=8.5, transform=axes.transAxes)
    axes.set(xlabel="points from best to worst", yticks=[], ylim=(0, 1.25 * counts.max()))
    axes.set_title("line: what counts as a difference")
    style.save(figure, path, title)
