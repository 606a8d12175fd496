"""The verdict: equal configurations look alike in 95 % of experiments, and real gaps are found."""

import numpy as np
import pytest

from src.runs.statistics import compare, studentised_range

SWEEPS = 2000
DEVIATION = 0.15  # points, that of the recipe `best` over its seeds


def simulate(count: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """The accuracies (configurations, seeds) of equal configurations; a seed shifts all of them."""
    return rng.normal(0, DEVIATION, (count, seeds)) + rng.normal(0, 0.3, seeds)


def table(values: np.ndarray) -> dict[str, dict[int, float]]:
    return {str(c): dict(enumerate(row.tolist())) for c, row in enumerate(values)}


def real(verdict) -> list[str]:
    return [label for label in verdict.behind if verdict.is_real(label)]


def false_verdicts(count: int, seeds: int, sweeps: int) -> float:
    rng = np.random.default_rng([count, seeds])
    verdicts = (compare(table(simulate(count, seeds, rng))) for _ in range(sweeps))
    return sum(bool(real(verdict)) for verdict in verdicts) / sweeps


@pytest.mark.parametrize(("count", "seeds"), [(2, 2), (8, 3), (20, 5)])
def test_equal_configurations_are_rarely_told_apart(count, seeds):
    assert false_verdicts(count, seeds, 300) < 0.09  # 5 %, and three standard errors of 300


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4, 8, 20])
@pytest.mark.parametrize("seeds", [2, 3, 5, 12])
def test_at_most_6_percent_of_2000_sweeps_tell_equal_configurations_apart(count, seeds):
    assert 0.03 < false_verdicts(count, seeds, SWEEPS) <= 0.06


@pytest.mark.parametrize(("seeds", "found_at_least"), [(3, 0.65), (5, 0.95)])
@pytest.mark.parametrize("count", [4, 8])
def test_a_gap_of_half_a_point_is_found(count, seeds, found_at_least):
    rng = np.random.default_rng(seeds)
    found = 0
    for _ in range(500):
        values = simulate(count, seeds, rng)
        values[1:] -= 0.5  # one is better than all others
        verdict = compare(table(values))
        found += verdict.best == "0" and verdict.is_real("1")
    assert found / 500 >= found_at_least


def test_the_quantiles_are_those_of_the_published_tables():
    """Harter (1960): q for 95 %, by number of means and degrees of freedom."""
    published = {(2, 2): 6.085, (3, 4): 5.040, (4, 6): 4.896, (8, 14): 4.99, (8, 60): 4.44}
    for (count, freedom), expected in published.items():
        assert studentised_range(count, freedom) == pytest.approx(expected, rel=0.015)


def test_one_configuration_whose_seeds_disagree_wildly_neither_blinds_nor_fools():
    values = {
        "good": {0: 98.00, 1: 98.20, 2: 98.40},
        "near": {0: 98.05, 1: 98.15, 2: 98.30},
        "bad": {0: 97.00, 1: 97.20, 2: 97.45},
        "wild": {0: 98.10, 1: 98.50, 2: 11.35},
    }
    verdict = compare(values)
    assert (verdict.best, verdict.wild, real(verdict)) == ("good", ["wild"], ["bad"])
    without = compare({label: seeds for label, seeds in values.items() if label != "wild"})
    assert [verdict.noise[label] for label in ("near", "bad")] == [
        without.noise[label] for label in ("near", "bad")
    ]
    assert np.isnan(verdict.noise["wild"])


def test_configurations_stuck_at_guessing_do_not_make_the_others_wild():
    stuck = {0: 11.0, 1: 11.0, 2: 11.0}
    verdict = compare({"a": stuck, "b": stuck, "learns": {0: 88.0, 1: 87.5, 2: 88.4}})
    assert (verdict.best, verdict.wild) == ("learns", [])
    assert real(verdict) == ["a", "b"]


def test_failed_seeds_are_left_out_by_seed_and_not_by_position():
    rng = np.random.default_rng(0)
    seed_effect = {0: 0.0, 1: 3.0, 2: -2.0}
    values = {
        label: {seed: 97 + effect + rng.normal(0, 0.01) for seed, effect in seed_effect.items()}
        for label in "abc"
    }
    complete = compare(values)
    del values["b"][0]  # the position of the others' first seed
    part = compare(values)
    for label in "abc":
        assert part.behind[label] == pytest.approx(complete.behind[label], abs=0.05)
    assert real(complete) == real(part) == []


def test_by_hand():
    """Residuals of (97, 98), (96, 98): +-0.25 each, so s^2 = 4 * 0.0625 / 1, and n = 2."""
    verdict = compare({"a": {0: 97.0, 1: 98.0}, "b": {0: 96.0, 1: 98.0}})
    assert verdict.best == "a"
    assert verdict.behind == pytest.approx({"a": 0, "b": 0.5})
    assert verdict.noise["b"] == pytest.approx(studentised_range(2, 1) * 0.5 / np.sqrt(2))


@pytest.mark.parametrize(
    "values", [{"a": {0: 97.0}, "b": {0: 12.0}}, {"a": {0: 97.0, 1: 96.0}}, {"a": {0: 9.0}}]
)
def test_one_seed_or_one_configuration_gives_no_verdict(values):
    verdict = compare(values)
    assert verdict.best == "a"
    assert real(verdict) == []
    assert all(np.isnan(noise) for noise in verdict.noise.values())


def test_configurations_that_share_no_seed_are_only_listed():
    verdict = compare({"a": {0: 97.0, 1: 98.0}, "b": {2: 96.0}})
    assert verdict.behind == {"a": 0.0, "b": 1.5}
    assert real(verdict) == []


def test_nothing_is_compared_where_nothing_is():
    assert compare({}) is None
    assert compare({"a": {}}) is None
