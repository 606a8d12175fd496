"""Draw what noise looks like: sweeps of eight equal configurations, judged as experiments.py does.

python docs/noise_drawing.py     # simulates 2,000 sweeps, then draws docs/figures/noise.png
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.figures import style
from src.runs.statistics import compare

SWEEPS, CONFIGURATIONS, SEEDS = 2000, 8, 3
ACCURACY, DEVIATION = 0.98, 0.0009  # typical of the experiments here: 98% and 0.09 points


def simulate() -> tuple[np.ndarray, np.ndarray]:
    """The means of each sweep (sweeps, configurations), and the noise of its verdict (sweeps,)."""
    rng = np.random.default_rng(0)
    values = rng.normal(ACCURACY, DEVIATION, (SWEEPS, CONFIGURATIONS, SEEDS))
    noise = []
    for sweep in values:
        verdict = compare({str(c): dict(enumerate(row)) for c, row in enumerate(sweep)})
        noise.append(max(value for label, value in verdict.noise.items() if label != verdict.best))
    return values.mean(axis=2), np.array(noise)


def plot_noise(path: Path, means: np.ndarray, noise: np.ndarray) -> None:
    """Left, twelve sweeps, the last of them a false alarm; right, how often there is one.

    means: accuracies (sweeps, configurations); noise: how far behind the best a mean has to be
    before the verdict calls the difference real (sweeps,).
    """
    points, limits = 100 * (means - np.mean(means)), 100 * noise
    best, behind = points.max(axis=1), np.ptp(points, axis=1)
    alarms = np.flatnonzero(behind > limits)
    shown = [*np.flatnonzero(behind <= limits)[:11], alarms[0]]
    title = f"Simulated: {CONFIGURATIONS} equal configurations, {SEEDS} seeds each, in many sweeps"
    foot = f"spread of one configuration's runs: {100 * DEVIATION:g} points, as measured here"
    with style.drawing(path, (9, 4.3), title, foot, (0.6, 0.75, 0.15, 0.65)) as figure:
        axes, right = figure.subplots(1, 2, width_ratios=[2, 1])
        for row, sweep in enumerate(shown):
            reach = best[sweep] - limits[sweep]
            axes.barh(row, limits[sweep], 0.7, reach, color="black", alpha=0.12)
            for value in points[sweep]:
                ink = "black" if value >= reach else style.COLOURS[1]
                axes.plot(value, row, "o", ms=4.5, color=ink, clip_on=False)
        axes.set(ylim=(11.6, -0.6), ylabel="sweep", xlabel="accuracy, points from the true one")
        axes.set_yticks(range(12), range(1, 13))
        axes.set_title("shaded: within the noise of the best; orange: a false alarm")
        counts, edges = np.histogram(behind, bins=30)
        right.stairs(counts, edges, fill=True, color=style.GREY)
        right.axvline(limits.mean(), color="black", lw=1.5, ls="--")
        right.set(xlabel="points from best to worst", ylabel="sweeps", ylim=(0, 1.1 * counts.max()))
        share = f"{len(alarms) / len(points):.1%} of {len(points):,} sweeps"
        right.set_title(f"{share} have a false\nalarm (right of the dashed line)", size=9)


if __name__ == "__main__":
    plot_noise(Path(__file__).parent / "figures" / "noise.png", *simulate())
