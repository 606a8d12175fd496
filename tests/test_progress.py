"""The estimate of the time left: there from the start, and without jumps."""

import random

import pytest

from src.runs.config import Config
from src.runs.progress import epoch_work, seconds_left, steady


def estimates(configs: list[Config], speed: float, jobs: int, noise: random.Random) -> list[float]:
    """What the line would show, second by second, of a sweep whose epochs take work / speed."""
    work = {n: epoch_work(config, 54_000) for n, config in enumerate(configs)}
    total = sum(work[n] * config.epochs for n, config in enumerate(configs))
    queue = sorted(work, key=lambda n: -work[n] * configs[n].epochs)
    clocks, ends = [0.0] * jobs, []
    for n in queue:  # each to the worker that is free first
        worker = min(range(jobs), key=lambda j: clocks[j])
        for _ in range(configs[n].epochs):
            clocks[worker] += work[n] / speed * noise.uniform(0.8, 1.25)
            ends.append((clocks[worker], work[n]))
    shown = [seconds_left(0, total, 0, jobs)]
    for second in range(1, int(max(clocks)) + 1):
        done = sum(amount for end, amount in ends if end <= second)
        shown.append(steady(shown[-1], seconds_left(done, total, second, jobs)))
    return shown


@pytest.mark.parametrize("speed", [0.3, 1, 3])
@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_after_a_tenth_of_the_time_it_never_jumps_by_more_than_a_fifth(
    speed: float, jobs: int
) -> None:
    sizes = [(), (32,), (64,), (128,), (128, 64), (256, 128), (512, 256), (256, 128, 64)]
    configs = [Config(hidden=hidden, seed=seed) for hidden in sizes for seed in range(3)]
    shown = estimates(configs, speed, jobs, random.Random(jobs))
    assert len(shown) > 10
    for before, after in zip(shown[len(shown) // 10 :], shown[len(shown) // 10 + 1 :]):
        assert abs(after - before) <= 0.2 * before
    half = len(shown) // 2
    assert 0.5 * half < shown[half] < 2 * half  # true within a factor of two
    assert shown[-1] < 0.3 * shown[half] + 3


def test_there_is_an_estimate_before_anything_is_done() -> None:
    assert seconds_left(0, 100, 0, 2) == 50
    assert seconds_left(0, 100, 1, 2) > 50
    assert seconds_left(100, 100, 60, 2) == 0


def test_more_work_takes_longer() -> None:
    plain = epoch_work(Config(), 50_000)
    assert epoch_work(Config(), 25_000) < plain
    assert epoch_work(Config(hidden=(512, 256)), 50_000) > 2 * plain
    assert epoch_work(Config(batch_size=8), 50_000) > plain
    assert epoch_work(Config(augmentation="affine"), 50_000) > plain
