"""Draw what noise looks like: sweeps of eight equal configurations, judged as experiments.py does.

python docs/noise_drawing.py     # simulates 2,000 sweeps, then draws docs/figures/noise.png
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.figures.noise import plot_noise

from src.runs.statistics import compare

SWEEPS, CONFIGURATIONS, SEEDS = 2000, 8, 3
ACCURACY, NOISE = 0.98, 0.0015  # typical of the experiments here: 98 % and 0.15 points


def simulate() -> tuple[np.ndarray, np.ndarray]:
    """The means of each sweep (sweeps, configurations), and the noise of its verdict (sweeps,)."""
    rng = np.random.default_rng(0)
    values = rng.normal(ACCURACY, NOISE, (SWEEPS, CONFIGURATIONS, SEEDS))
    noise = []
    for sweep in values:
        verdict = compare({str(c): dict(enumerate(row)) for c, row in enumerate(sweep)})
        assert verdict is not None
        noise.append(max(value for label, value in verdict.noise.items() if label != verdict.best))
    return values.mean(axis=2), np.array(noise)


if __name__ == "__main__":
    title = f"{CONFIGURATIONS} equal configurations, {SEEDS} seeds each: what noise looks like"
    plot_noise(Path(__file__).parent / "figures" / "noise.png", title, *simulate())
