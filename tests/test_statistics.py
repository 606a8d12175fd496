"""The verdict: equal configurations look alike in 95 % of experiments, and real gaps are found."""

import numpy as np
import pandas as pd
import pytest

from src.runs.statistics import MANY, Verdict, compare, fit, image_variance, studentised_range

IMAGES = 6000


def answers(
    count: int, seeds: int, rng: np.random.Generator, gap: float = 0.0, interaction: float = 0.7
) -> np.ndarray:
    """Right or wrong, (configurations, seeds, images), of configurations equal on all digits.

    A few of the images are difficult, and for each of them some configurations find it easier than
    others do: so on these 6,000 they are not equal. With `gap`, the first is better everywhere.
    """
    difficult = rng.binomial(IMAGES, 0.06)
    difficulty = rng.normal(1.5, 2, difficult)
    easier = rng.normal(0, interaction, (count, 1, difficult))
    shift = rng.normal(0, 0.05, (count, seeds, 1)) + rng.normal(0, 0.05, (seeds, 1))
    shift[0] += gap
    right = np.ones((count, seeds, IMAGES), bool)
    chance = 1 / (1 + np.exp(-difficulty - easier - shift))
    right[:, :, :difficult] = rng.random(chance.shape) < chance
    return right


def table(values: np.ndarray) -> dict[str, dict]:
    return {str(c): dict(enumerate(row)) for c, row in enumerate(values)}


def real(verdict: Verdict) -> list[str]:
    return [label for label, behind in verdict.behind.items() if behind > verdict.noise[label]]


def judged(right: np.ndarray, with_images: bool = True) -> Verdict:
    return compare(table(right.mean(axis=2)), table(right) if with_images else None)


def false_verdicts(count: int, seeds: int, sweeps: int, **more: float) -> np.ndarray:
    """The share of sweeps that tell equals apart: by seeds and images, and by seeds alone."""
    rng = np.random.default_rng([count, seeds])
    every = (answers(count, seeds, rng, **more) for _ in range(sweeps))
    found = [[bool(real(judged(each, images))) for images in (True, False)] for each in every]
    return np.mean(found, axis=0)


def test_equal_on_all_digits_though_not_on_these_is_rarely_called_different():
    with_images, without = false_verdicts(8, 12, 60)
    assert with_images < 0.135 < without  # 5 %, and three standard errors of 60


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 8, 20])
@pytest.mark.parametrize(("seeds", "sweeps"), [(3, 2500), (12, 2000), (30, 800)])
def test_at_most_6_percent_of_sweeps_tell_equal_configurations_apart(count, seeds, sweeps):
    with_images, _ = false_verdicts(count, seeds, sweeps)
    assert 0.01 < with_images <= 0.06


def test_where_the_images_add_nothing_the_seeds_alone_are_noise_enough():
    _, without = false_verdicts(8, 3, 200, interaction=0.0)
    assert 0.005 < without < 0.1  # 5 %, and three standard errors of 200


def test_what_the_images_add_is_found_in_the_answers():
    """For two equal configurations V / N is the mean of (p_c - p_b)^2 over the images, over N."""
    rng, found, drawn = np.random.default_rng(3), [], []
    for _ in range(200):
        chance = 1 / (1 + np.exp(-rng.normal(1.5, 2, 400) - rng.normal(0, 0.7, (2, 1, 400))))
        ours, theirs = rng.random((2, 5, 400)) < chance
        found.append(image_variance(list(ours), list(theirs)))
        drawn.append(np.var(chance[0, 0] - chance[1, 0]) / 400)
    assert np.mean(found) == pytest.approx(np.mean(drawn), rel=0.05)
    same = [np.arange(9) > 3] * 3
    assert image_variance(same, same) == 0
    # by hand, one seed: d = (1, 0, 0, 0), of variance 1/4 - 1/16
    assert image_variance([np.array([1, 1, 0, 0])], [np.array([0, 1, 0, 0])]) == 3 / 16 / 4


@pytest.mark.parametrize(("count", "seeds", "found_at_least"), [(4, 3, 0.85), (8, 5, 0.95)])
def test_a_gap_of_half_a_point_is_found(count, seeds, found_at_least):
    rng, found, gaps = np.random.default_rng(seeds), 0, []
    for _ in range(100):
        right = answers(count, seeds, rng, gap=0.75)
        gaps.append(100 * (right[0].mean() - right[1:].mean()))
        verdict = judged(right)
        found += verdict.best == "0" and "1" in real(verdict)
    assert np.mean(gaps) == pytest.approx(0.5, abs=0.05)
    assert found / 100 >= found_at_least


@pytest.mark.parametrize(
    ("count", "freedom", "published"),
    [(2, 1, 17.97), (2, 2, 6.085), (3, 4, 5.040), (4, 6, 4.896), (8, 14, 4.990), (8, 60, 4.441),
     (20, 38, 5.376), (100, 200, 6.199), (1000, 1000, 7.409)],
)  # fmt: skip
def test_the_quantiles_are_those_of_the_published_tables(count, freedom, published):
    """Harter (1960): q for 95 %, by number of means and degrees of freedom; the last two: SciPy."""
    assert studentised_range(count, freedom) == pytest.approx(published, rel=0.005)


def test_nothing_lies_before_the_best_whatever_is_missing():
    rng = np.random.default_rng(0)
    for count in range(200):
        values = table(rng.normal(97, 0.3, (4, 3)) + rng.normal(0, 1, 3))
        for _ in range(1 + count % 4):
            values[str(rng.integers(4))].pop(int(rng.integers(3)), None)
        verdict = compare(values | {"unstable": {0: 80.0, 1: 110.0, 2: 130.0}})
        assert verdict.behind[verdict.best] == 0 and min(verdict.behind) >= 0


def test_effects_are_those_of_least_squares_over_configurations_and_seeds():
    rng = np.random.default_rng(5)
    y, there = rng.normal(97, 1, (5, 4)), rng.random((5, 4)) < 0.8
    values = {str(c): dict(zip(np.flatnonzero(there[c]), y[c, there[c]])) for c in range(5)}
    effects, deviation, freedom = fit(pd.DataFrame(values).T)
    rows, columns = np.nonzero(there)
    design = np.hstack([np.eye(5)[rows], np.eye(4)[columns]])
    solution, _, rank, _ = np.linalg.lstsq(design, y[there], rcond=None)
    wanted = solution[:5] - solution[0]
    assert [effects[str(c)] - effects["0"] for c in range(5)] == pytest.approx(wanted)
    assert freedom == len(rows) - rank
    residuals = y[there] - design @ solution
    assert deviation == pytest.approx(np.sqrt(residuals @ residuals / freedom))


def test_a_configuration_whose_seeds_disagree_neither_blinds_nor_fools():
    values = {
        "good": {0: 98.00, 1: 98.20, 2: 98.40},
        "near": {0: 98.05, 1: 98.15, 2: 98.30},
        "bad": {0: 97.00, 1: 97.20, 2: 97.45},
    }
    without, verdict = compare(values), compare(values | {"odd": {0: 98.1, 1: 98.5, 2: 11.35}})
    assert (verdict.best, verdict.unstable, real(verdict)) == ("good", ["odd"], ["bad"])
    assert verdict.noise["near"] == without.noise["near"] > 0
    assert np.isnan(verdict.noise["odd"]) and verdict.behind["odd"] > 20


def test_configurations_stuck_at_guessing_do_not_make_the_others_unstable():
    stuck = {0: 11.0, 1: 11.0, 2: 11.0}
    verdict = compare({"a": stuck, "b": stuck, "learns": {0: 88.0, 1: 87.5, 2: 88.4}})
    assert (verdict.best, verdict.unstable) == ("learns", [])
    assert real(verdict) == ["a", "b"]


def test_by_hand():
    """Residuals of (97, 98), (96, 98): +-0.25 each, so s^2 = 4 * 0.0625 / 1, and n = 2."""
    values = {"a": {0: 97.0, 1: 98.0}, "b": {0: 96.0, 1: 98.0}}
    verdict = compare(values)
    assert verdict.best == "a"
    assert dict(verdict.behind) == pytest.approx({"a": 0, "b": 0.5})
    assert verdict.noise["b"] == pytest.approx(studentised_range(2, 1) * 0.5 / np.sqrt(2))
    right = {"a": [np.arange(9) < 6, np.arange(9) < 7], "b": [np.arange(9) > 3] * 2}
    images = studentised_range(2, MANY) ** 2 * image_variance(right["a"], right["b"]) / 2
    noise = compare(values, {label: dict(enumerate(rows)) for label, rows in right.items()}).noise
    assert noise["b"] ** 2 - verdict.noise["b"] ** 2 == pytest.approx(images) and images > 0


@pytest.mark.parametrize(
    "values",
    [
        {"a": {0: 97.0}, "b": {0: 12.0}},  # one seed
        {"a": {0: 97.0, 1: 96.0}, "b": {}},  # one configuration
        {"a": {0: 97.0, 1: 98.0}, "b": {2: 96.0}},  # none that both have
    ],
)
def test_where_nothing_can_be_told_the_noise_is_unknown(values):
    verdict = compare(values)
    assert (verdict.best, real(verdict)) == ("a", [])
    assert verdict.noise.isna().all()
    assert compare({"a": {}}).best == compare({}).best == ""
