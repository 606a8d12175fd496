"""Many calls at once: every result arrives, whatever happens to a worker."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from src.errors import InputError
from src.runs.workers import START, STEP, TaskFailed, run_tasks


def scaled_sum(step, factor: int, numbers: np.ndarray) -> tuple[float, int]:
    step()
    return float(factor * numbers.sum()), os.getpid()


def refuse_odd(step, number: int) -> int:
    if number % 2:
        raise InputError(f"{number} is odd")
    return number


def out_of_memory(step) -> None:
    raise MemoryError("too large")


def kill_once(step, marker: str, value: int) -> int:
    """Kill the own process, but only if nobody has done so before."""
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def kill_always(step, deadly: bool, value: int) -> int:
    if deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_yields_its_result_and_reports_its_steps(jobs: int) -> None:
    reports: list[tuple[str, str]] = []
    tasks = {f"times {factor}": (factor,) for factor in range(6)}
    results = run_tasks(
        scaled_sum, tasks, (np.arange(4),), jobs, on_report=lambda *report: reports.append(report)
    )
    found = dict(results)
    assert {key: value for key, (value, _) in found.items()} == {
        f"times {factor}": 6.0 * factor for factor in range(6)
    }
    assert sorted(reports) == sorted((key, what) for key in tasks for what in (START, STEP))
    in_this_process = {pid == os.getpid() for _, pid in found.values()}
    assert in_this_process == {jobs == 1}


def test_a_task_that_fails_says_why_and_the_others_go_on() -> None:
    found = dict(run_tasks(refuse_odd, {str(n): (n,) for n in range(4)}, (), 2))
    assert (found["0"], found["2"]) == (0, 2)
    assert isinstance(found["1"], TaskFailed)
    assert str(found["3"]) == "3 is odd"
    assert "too large" in str(dict(run_tasks(out_of_memory, {"a": ()}, (), 1))["a"])


def test_a_task_whose_worker_is_killed_once_is_done_again(tmp_path: Path) -> None:
    tasks = {str(n): (str(tmp_path / "killed") if n == 1 else "", n) for n in range(5)}
    found = dict(run_tasks(kill_once, tasks, (), 2))
    assert found == {str(n): n for n in range(5)}
    assert (tmp_path / "killed").exists()


def test_a_task_that_kills_every_worker_is_reported_and_the_others_finish() -> None:
    found = dict(run_tasks(kill_always, {str(n): (n == 2, n) for n in range(5)}, (), 2))
    failure = found.pop("2")
    assert isinstance(failure, TaskFailed)
    assert "killed twice" in str(failure)
    assert found == {str(n): n for n in (0, 1, 3, 4)}
