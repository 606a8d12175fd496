"""Many calls at once: every result arrives, whatever happens to a worker or to us."""

import dataclasses
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.runs import workers
from src.runs.workers import START, STEP, TaskFailed, jobs_possible, run_tasks
from tests.conftest import ROOT

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def scaled_sum(step, factor: int, numbers: np.ndarray) -> tuple[float, int]:
    step()
    return float(factor * numbers.sum()), os.getpid()


def refuse_odd(step, number: int) -> int:
    if number % 2:
        raise InputError(f"{number} is odd")
    return number


def out_of_memory(step) -> None:
    raise MemoryError("too large")


def divide(step, number: int) -> float:
    return 1 / number


def not_to_be_pickled(step) -> object:
    return threading.Lock()


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


def doubled_slowly(step, number: int, numbers: np.ndarray) -> int:
    for _ in range(4):
        time.sleep(0.05)
        step()
    return 2 * number * int(numbers[0])


def product_and_threads(step, numbers: np.ndarray) -> tuple[bytes, list]:
    return (numbers @ numbers.T).tobytes(), [os.environ[name] for name in THREADS]


def numbered(count: int) -> dict[str, tuple]:
    return {str(number): (number,) for number in range(count)}


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# ---------------------------------------------------------------------------------------- results


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
    pids = {pid for _, pid in found.values()}
    assert os.getpid() not in pids
    assert len(pids) <= jobs
    if jobs == 1:
        assert [key for key, what in reports if what == START] == list(tasks)


def test_a_task_that_fails_says_why_in_one_line_and_the_others_go_on() -> None:
    found = dict(run_tasks(refuse_odd, numbered(4), (), 2))
    assert (found["0"], found["2"]) == (0, 2)
    assert isinstance(found["1"], TaskFailed)
    assert str(found["3"]) == "3 is odd"
    assert str(dict(run_tasks(out_of_memory, {"a": ()}, (), 1))["a"]) == "out of memory: too large"
    failure = str(dict(run_tasks(divide, {"a": (0,)}, (), 1))["a"])
    assert failure.startswith("ZeroDivisionError: ")
    assert "(in divide, line " in failure
    assert "pickle" in str(dict(run_tasks(not_to_be_pickled, {"a": ()}, (), 1))["a"])


def test_what_a_task_prints_does_not_garble_its_result() -> None:
    def loud(step, number: int) -> int:
        print("hello", flush=True)
        return number

    assert dict(run_tasks(loud, numbered(2), (), 1)) == {"0": 0, "1": 1}


def test_no_tasks_no_results() -> None:
    assert list(run_tasks(scaled_sum, {}, (np.arange(4),), 2)) == []


def test_one_thread_and_the_same_bits_whatever_is_set_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    found = []
    for threads, jobs in (("1", 1), ("2", 1), ("2", 2)):
        for name in THREADS:
            monkeypatch.setenv(name, threads)
        found += dict(run_tasks(product_and_threads, {"a": (), "b": ()}, (numbers,), jobs)).values()
    assert all(result == found[0] for result in found)
    assert found[0][1] == ["1", "1", "1"]


# ------------------------------------------------------------------------------------ code by value

SCRIPT = """
import dataclasses
from src.common.errors import InputError

FACTORS = {"two": 2}
OFFSET = 1

class Odd(InputError):
    pass

@dataclasses.dataclass(frozen=True)
class Config:
    number: int

    def __post_init__(self):
        if self.number > 3:
            raise Odd("too much")

def helper(number):
    return FACTORS["two"] * number + OFFSET

def work(step, config, fields):
    step()
    assert isinstance(config, Config)
    if config.number == 3:
        Config(4)
    return helper(Config(**fields).number), dataclasses.asdict(config), config
"""


def test_what_runs_is_what_was_loaded_however_it_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edited_script.py"
    path.write_text(SCRIPT)
    monkeypatch.syspath_prepend(tmp_path)
    script = importlib.import_module("edited_script")
    path.write_text("raise RuntimeError('edited before the workers start')")
    configs = {str(n): script.Config(n) for n in range(4)}
    tasks = {key: (config, dataclasses.asdict(config)) for key, config in configs.items()}
    found = dict(
        run_tasks(
            script.work,
            tasks,
            (),
            2,
            on_report=lambda key, what: path.write_text("edited(again"),
            by_value=[script],
        )
    )
    assert str(found.pop("3")) == "too much"
    assert found == {str(n): (2 * n + 1, {"number": n}, configs[str(n)]) for n in range(3)}
    assert all(type(config) is script.Config for _, _, config in found.values())


def test_code_of_this_project_is_not_read_by_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a package `src` in the way whose import fails, workers do not notice."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    found = dict(run_tasks(refuse_odd, numbered(2), (), 1, by_value=[sys.modules[__name__]]))
    assert found["0"] == 0
    assert str(found["1"]) == "1 is odd"


def test_a_function_of_the_running_script_works(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from src.runs.workers import run_tasks
TABLE = {{"a": 1}}
def work(step, key):
    return TABLE[key]
print(dict(run_tasks(work, {{"a": ("a",), "b": ("b",)}}, (), 2)))
"""
    (tmp_path / "script.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert "'a': 1" in done.stdout
    assert "KeyError: 'b' (in work, line 7)" in done.stdout
    assert done.stderr == ""


# --------------------------------------------------------------------------------- workers that die


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


@pytest.mark.parametrize("delay", [0, 0.05, 0.2, 0.5, 1])
def test_workers_may_be_killed_at_any_moment(delay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first three workers: while starting, importing, unpickling, working, idle."""
    started: list[subprocess.Popen] = []
    original = subprocess.Popen

    def start(*arguments, **options) -> subprocess.Popen:
        process = original(*arguments, **options)
        started.append(process)
        if len(started) <= 3:
            threading.Timer(delay, process.kill).start()
        return process

    monkeypatch.setattr(workers.subprocess, "Popen", start)
    numbers = np.ones(20_000_000, np.uint8)
    found = dict(run_tasks(doubled_slowly, numbered(6), (numbers,), 2))
    killed = {key for key, result in found.items() if isinstance(result, TaskFailed)}
    assert len(killed) <= 1  # one worker after another may be killed under the same task
    assert {k: v for k, v in found.items() if k not in killed} == {
        str(n): 2 * n for n in range(6) if str(n) not in killed
    }


def test_workers_that_never_take_a_task_end_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WORKER", "import os; os._exit(1)")
    with pytest.raises(InputError, match="worker processes die before they take a task"):
        list(run_tasks(refuse_odd, numbered(4), (), 2))


def test_code_that_cannot_be_loaded_ends_in_one_line() -> None:
    class Unloadable:
        def __reduce__(self) -> tuple:
            return __import__, ("no_such_module",)

    with pytest.raises(InputError, match=r"cannot load the code: .*no_such_module"):
        list(run_tasks(refuse_odd, numbered(4), (Unloadable(),), 2))


def test_never_more_workers_than_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    original = subprocess.Popen

    def start(*arguments, **options) -> subprocess.Popen:
        started.append(original(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(workers.subprocess, "Popen", start)
    assert len(dict(run_tasks(refuse_odd, numbered(3), (), 48))) == 3
    assert len(started) <= 3
    assert all(process.poll() is not None for process in started)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_jobs_possible_respects_affinity_and_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(7)))
    for limit, expected in (("max 100000", 7), ("250000 100000", 3), ("50000 100000", 1)):
        monkeypatch.setattr(Path, "read_text", lambda path, limit=limit: limit)
        assert jobs_possible() == expected


# ------------------------------------------------------------------------------ when we are ended

PARENT = f"""
import signal, sys, time
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from src.runs.workers import run_tasks

def stop(number, frame):
    raise KeyboardInterrupt

def work(step, number, images):
    step()
    time.sleep(600)

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, stop)
print("ready", flush=True)
try:
    tasks = {{str(number): (number,) for number in range(4)}}
    images = np.ones((60_000, 784), np.uint8)
    for _ in run_tasks(work, tasks, (images,), 2, on_report=lambda *what: print(*what, flush=True)):
        pass
except KeyboardInterrupt:
    sys.exit(130)
"""


def processes_of(session: int) -> set[int]:
    """The processes of a session that are still alive, from /proc."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.add(int(path.parent.name))
    return found


@needs_proc
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.parametrize("delay", [0, 0.1, 0.4, None])
def test_a_stop_leaves_nothing_behind(name: str, delay: float | None, tmp_path: Path) -> None:
    """No process, no file and no traceback; with `delay` None, when both workers are busy."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    folders = {"TMPDIR": str(temporary), "JOBLIB_TEMP_FOLDER": str(temporary)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | folders,
        start_new_session=True,
    )
    assert parent.stdout.readline() == "ready\n"
    if delay is None:
        for _ in range(4):
            assert parent.stdout.readline().split()[1] in (START, STEP)
        assert len(processes_of(parent.pid)) == 3
    else:
        time.sleep(delay)
    if name == "SIGINT":  # as a terminal does: to all
        os.killpg(parent.pid, signal.SIGINT)
    else:
        parent.send_signal(signal.Signals[name])
    _, errors = parent.communicate(timeout=60)
    assert parent.returncode == (-signal.SIGKILL if name == "SIGKILL" else 130)
    assert errors == ""
    wait_until(lambda: not processes_of(parent.pid))
    assert list(temporary.iterdir()) == []


@needs_proc
def test_whoever_stops_listening_leaves_no_worker() -> None:
    results = run_tasks(scaled_sum, numbered(50), (np.arange(4),), 2)
    _, (_, pid) = next(results)
    results.close()
    assert not Path(f"/proc/{pid}").exists()
