"""Which differences between configurations are real, and which are noise.

With k configurations trained with the same n seeds, y_cs is the accuracy of configuration c with
seed s. Take away what the configuration and what the seed explain; what is left is noise:

    y_cs = effect_c + effect_s + r_cs        s^2 = sum r_cs^2 / (number of runs - k - n + 1)

Among k *equal* configurations the largest mean lies above the smallest by q s / sqrt(n) or more in
only 5 % of all experiments, with q the 95 % quantile of the studentised range (Student, 1927;
Tukey, 1953). So a configuration that lies further behind the best than that is really worse.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

WILD = 10.0  # a configuration with this many times the usual spread is not compared


@dataclass(frozen=True)
class Verdict:
    """What an experiment says. All in the units of the values that were compared."""

    best: str
    behind: dict[str, float]  # how far each configuration lies behind the best; 0 for the best
    noise: dict[str, float]  # the distance that is still noise; NaN where there is no verdict
    wild: list[str]  # configurations whose seeds disagree too much to be compared

    def is_real(self, label: str) -> bool:
        return self.behind[label] > self.noise[label]


@cache
def studentised_range(count: int, freedom: int) -> float:
    """The 95 % quantile of (largest - smallest) / s, of `count` standard normal numbers.

    s^2 is an independent estimate of their variance with `freedom` degrees of freedom. Simulated.
    """
    rng = np.random.default_rng(0)
    draws = max(20_000, 4_000_000 // count)
    ranges = np.ptp(rng.standard_normal((draws, count)), axis=1)
    estimates = np.sqrt(rng.chisquare(freedom, draws) / freedom)
    return float(np.quantile(ranges / estimates, 0.95))


def compare(values: dict[str, dict[int, float]]) -> Verdict | None:
    """Compare configurations: label -> seed -> value, larger is better. None without values.

    Two configurations are compared on the seeds that both have, so that a failed run costs only
    itself. With one seed, or one configuration, nothing can be told: every noise is NaN.
    """
    values = {label: seeds for label, seeds in values.items() if seeds}
    if not values:
        return None
    wild = wild_ones(values)
    calm = {label: seeds for label, seeds in values.items() if label not in wild}
    effects, deviation, freedom = fit(calm)
    best = max(effects, key=lambda label: effects[label])
    behind, noise = {}, {}
    for label in values:
        shared = values[label].keys() & values[best].keys()
        pairs = [values[best][seed] - values[label][seed] for seed in shared]
        unpaired = mean_of(values[best]) - mean_of(values[label])  # where no seed is shared
        behind[label] = float(np.mean(pairs)) if pairs else unpaired
        known = bool(pairs) and freedom > 0 and label not in wild and label != best
        noise[label] = (
            studentised_range(len(calm), freedom) * deviation / np.sqrt(len(pairs))
            if known
            else np.nan
        )
    return Verdict(best, behind, noise, wild)


def mean_of(seeds: dict[int, float]) -> float:
    return float(np.mean(list(seeds.values())))


def wild_ones(values: dict[str, dict[int, float]]) -> list[str]:
    """Configurations of which one seed learns and another does not: their spread is no noise."""
    spreads = {
        label: np.std(list(seeds.values()), ddof=1)
        for label, seeds in values.items()
        if len(seeds) > 1
    }
    moving = [spread for spread in spreads.values() if spread > 0]  # stuck ones tell nothing
    usual = np.median(moving) if len(moving) > 2 else np.inf
    return [label for label, spread in spreads.items() if spread > WILD * usual]


def fit(values: dict[str, dict[int, float]]) -> tuple[dict[str, float], float, int]:
    """The effect of each configuration, the deviation s of the noise, its degrees of freedom.

    Least squares over configurations and seeds; in a complete table the effects are plain means.
    """
    runs = [(label, seed, y) for label, seeds in values.items() for seed, y in seeds.items()]
    labels, seeds = list(values), sorted({seed for _, seed, _ in runs})
    design = np.zeros((len(runs), len(labels) + len(seeds)))
    for row, (label, seed, _) in enumerate(runs):
        design[row, labels.index(label)] = design[row, len(labels) + seeds.index(seed)] = 1
    y = np.array([value for _, _, value in runs])
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    freedom = len(runs) - int(rank)
    residuals = y - design @ solution
    deviation = float(np.sqrt(residuals @ residuals / freedom)) if freedom else np.nan
    return dict(zip(labels, solution[: len(labels)].tolist())), deviation, freedom
