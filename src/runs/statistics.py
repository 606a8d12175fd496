"""Which differences between configurations are real, and which are noise?

Configuration c reaches the accuracy y_cs with seed s: C configurations, S seeds, N images. Among
*equal* configurations the best lies further before another one than

    noise = sqrt(q(C, f)^2 s^2 / S + q(C, infinity)^2 V / (2 N))

in at most 5% of all experiments. docs/experiments.md derives this. q(C, f) is the 95% quantile of
the studentised range of C numbers (Student, 1927; Tukey, 1949); each part has its own, as Cochran
and Cox, 1950, do for unequal variances. s^2 is the variance of what neither the configuration nor
the seed explains:

    y_cs = m_c + u_s + r_cs        s^2 = sum r_cs^2 / f        f = number of runs - C - S + 1

V / N is what the choice of the images adds. Let d_is be 1 or -1 if, with seed s, c or the best
alone reads image i, and else 0. The last term takes off what the seeds add:

    V = variance over i of (mean over s of d_is) - mean over i of (variance over s of d_is) / S
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

UNSTABLE = 10.0  # a configuration with this many times the usual spread is not compared
MANY = 100_000  # degrees of freedom: as good as infinitely many


@dataclass(frozen=True)
class Verdict:
    """What an experiment says, in the units of the values that were compared."""

    best: str  # "" if nothing was measured
    behind: pd.Series  # how far each configuration lies behind the best; 0 for the best
    noise: pd.Series  # the distance that is still noise; NaN where there is no verdict
    unstable: list[str]  # configurations whose seeds disagree too much to be compared
    covers_images: bool  # whether the noise is that of seeds and images, or of the seeds alone


def compare(values: dict[str, dict], right: dict[str, dict] | None = None) -> Verdict:
    """Compare configurations with the best of them.

    `values` are accuracies: label -> seed -> value. `right` are the answers behind them, all on the
    same images: label -> seed -> (N,) bool; without them, the noise is that of the seeds alone. A
    failed run costs only itself. With a single seed, or none that the best one has too, nothing
    can be told: the noise is NaN.
    """
    table = pd.DataFrame([*values.values()], [*values]).dropna(how="all")
    if table.empty:
        return Verdict("", pd.Series(dtype=float), pd.Series(dtype=float), [], False)
    spread = table.std(axis=1)
    usual = spread[spread > 0].median()  # those stuck at guessing tell nothing
    unstable = list(table.index[spread > UNSTABLE * usual])
    compared = table.drop(unstable)
    effects, deviation, freedom = fit(compared)
    best, count = effects.idxmax(), len(compared)
    both = compared.notna() & compared.loc[best].notna()
    noise = pd.Series(np.nan, table.index)
    for label in compared.index.drop(best):
        seeds = both.columns[both.loc[label]]
        if len(seeds) and freedom:
            variance = studentised_range(count, freedom) ** 2 * deviation**2 / len(seeds)
            if right:
                ours, theirs = ([right[name][seed] for seed in seeds] for name in (label, best))
                variance += studentised_range(count, MANY) ** 2 * image_variance(ours, theirs) / 2
            noise[label] = np.sqrt(variance)
    effects = effects.reindex(table.index).fillna(table.mean(axis=1))
    return Verdict(best, (effects[best] - effects).clip(lower=0), noise, unstable, bool(right))


def image_variance(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """V / N: what the choice of images adds to the variance of a difference."""
    d = np.array(ours, np.int8) - np.array(theirs, np.int8)  # (seeds, images)
    seeds, images = d.shape
    found = np.var(d.mean(axis=0))
    if seeds > 1:
        found -= np.mean(np.var(d, axis=0, ddof=1)) / seeds
    return max(float(found), 0.0) / images


def fit(values: pd.DataFrame) -> tuple[pd.Series, float, int]:
    """The effect of each configuration, the deviation s of the noise, its degrees of freedom.

    values (configurations, seeds), NaN for a missing run. Least squares; where no run is missing,
    effects are plain means. The effect of a configuration is the mean of its values less the
    effects of their seeds, which leaves an equation for a seed.
    """
    y, there = values.fillna(0).to_numpy(), values.notna().to_numpy()
    share = there / there.sum(axis=1, keepdims=True)  # (configurations, seeds): rows add up to 1
    matrix = np.diag(there.sum(axis=0)) - share.T @ there
    of_seeds, _, rank, _ = np.linalg.lstsq(matrix, y.sum(axis=0) - share.T @ y.sum(axis=1), 1e-9)
    effects = np.sum(share * (y - of_seeds), axis=1)
    residuals = there * (y - of_seeds - effects[:, None])
    freedom = int(there.sum() - len(values) - rank)
    deviation = float(np.sqrt(np.sum(residuals**2) / freedom)) if freedom else np.nan
    return pd.Series(effects, values.index), deviation, freedom


@cache
def studentised_range(count: int, freedom: int) -> float:
    """The 95% quantile of (largest - smallest) / s, of `count` standard normal numbers.

    s^2 is an independent estimate of their variance with `freedom` degrees of freedom. Simulated
    in at least 10,000 draws.
    """
    rng, thousands = np.random.default_rng(0), max(10, 4000 // count)
    normal = (rng.standard_normal((1000, count), np.float32) for _ in range(thousands))
    ranges = np.concatenate([np.ptp(each, axis=1) for each in normal])
    estimates = np.sqrt(rng.chisquare(freedom, len(ranges)) / freedom)
    return float(np.quantile(ranges / estimates, 0.95))
