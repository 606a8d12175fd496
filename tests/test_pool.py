"""Many tasks at once: each result arrives, whatever happens to a worker, to a run or to us."""

import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from src.common import code
from src.common.start import BLAS
from src.runs import pool
from src.runs.pool import jobs_possible, pack, run_tasks
from tests.conftest import ROOT
from tests.sweeping import needs_proc, processes_of, until_nobody_is_left

STUB = b"""
import os, random, signal, sys, threading, time
import numpy as np
from pathlib import Path
from src.common.errors import InputError

COUNT = []

class Unknown:
    pass

def total(data, factor):
    return factor * int(data.sum()), os.getpid()

def print_in_all_ways(data, number):
    print("hello", flush=True)
    os.write(1, b"Intel MKL WARNING")
    os.system("echo Training")
    return number, sys.stdin.read()

def leave_traces(data):
    COUNT.append(1)
    return len(COUNT), random.random(), np.random.random(), data.tolist()

def write_into_the_data(data):
    data[0] = 7

def fail(data, how):
    if how == "odd": raise InputError("3 is odd")
    if how == "memory": raise MemoryError("too large")
    if how == "exit": sys.exit(3)
    if how == "lock": return threading.Lock()
    if how == "unknown": return Unknown()
    return 1 / 0

def die(data, how, value):
    if how == "exit": os._exit(0)
    once = how not in ("", "kill") and not Path(how).exists()
    if once: Path(how).touch()
    if once or how == "kill": os.kill(os.getpid(), signal.SIGKILL)
    return value

def large(data, number):
    time.sleep(0.005)
    return number, np.full(100_000, number)

def product(data):
    return (data @ data.T).tobytes(), dict(os.environ)

def sleep(data, number):
    os.write(2, b"\\n")
    time.sleep(600)
"""


def run(
    function: str, tasks: dict[str, tuple], jobs: int = 1, data: np.ndarray | None = None
) -> dict:
    """What comes of each task."""
    texts = code.read() | {"stub.py": STUB}
    program = pack(texts, f"stub:{function}", np.arange(4) if data is None else data)
    pickled = {key: pickle.dumps(task) for key, task in tasks.items()}
    return dict(run_tasks(program, pickled, jobs))


# ---------------------------------------------------------------------------------------- results


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_task_yields_its_result(jobs: int) -> None:
    tasks = {f"times {factor}": (factor,) for factor in range(6)}
    found = run("total", tasks, jobs)
    assert {key: value for key, (value, _) in found.items()} == {
        f"times {factor}": 6 * factor for factor in range(6)
    }
    pids = {pid for _, pid in found.values()}
    assert os.getpid() not in pids and len(pids) <= jobs
    assert run("total", {}) == {}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("odd", "3 is odd"),
        ("memory", "out of memory: too large"),
        ("exit", "SystemExit: 3 (in fail, line"),
        ("lock", "cannot pickle"),
        ("unknown", "its result cannot be read: ModuleNotFoundError"),
        ("zero", "ZeroDivisionError: division by zero (in fail, line"),
    ],
)
def test_a_task_that_fails_says_why_in_one_line_and_the_others_go_on(how: str, reason: str) -> None:
    found = run("fail", {"a": (how,), "b": ("odd",)})
    assert isinstance(found["a"], str)
    assert reason in str(found["a"]) and "\n" not in str(found["a"])
    assert str(found["b"]) == "3 is odd"


def test_what_a_task_prints_or_reads_does_not_garble_its_result(
    capfd: pytest.CaptureFixture,
) -> None:
    found = run("print_in_all_ways", {"a": (1,), "b": (2,)})
    assert found == {"a": (1, ""), "b": (2, "")}
    assert capfd.readouterr().err.count("Training") == 2


def test_each_task_finds_everything_as_the_first_one_did() -> None:
    first, second, third = run("leave_traces", {"a": (), "b": (), "c": ()}).values()
    assert first == second == third
    assert first[0] == 1
    assert "read-only" in str(run("write_into_the_data", {"a": ()})["a"])


def test_one_thread_and_the_same_bits_whatever_is_set_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    found = []
    for threads, jobs in (("1", 1), ("2", 2)):
        for name in BLAS:
            monkeypatch.setenv(name, threads)
        found += run("product", {"a": (), "b": ()}, jobs, numbers).values()
    assert len({product for product, _ in found}) == 1
    assert {environment[name] for _, environment in found for name in BLAS} == {"1"}


def test_a_fault_around_the_workers_reaches_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.sys, "executable", "/no/such/python")
    with pytest.raises(FileNotFoundError, match="no/such/python"):
        run("total", {"a": (1,)})


def test_no_file_of_the_current_folder_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle", "stub", "struct", "threading"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert run("total", {"a": (2,)})["a"][0] == 12
    assert not (tmp_path / "executed").exists()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_jobs_possible_respects_affinity_and_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(7)))
    for limit, expected in (("max 100000", 7), ("250000 100000", 3), ("50000 100000", 1)):
        monkeypatch.setattr(Path, "read_text", lambda path, limit=limit: limit)
        assert jobs_possible() == expected


# --------------------------------------------------------------------------------- workers that die


def test_a_worker_that_dies_costs_its_own_task_one_attempt(tmp_path: Path) -> None:
    tasks: dict[str, tuple] = {str(n): ("", n) for n in range(5)}
    tasks["1"], tasks["2"] = (str(tmp_path / "killed"), 1), ("kill", 2)
    tasks["3"] = ("exit", 3)
    found = run("die", tasks, jobs=2)
    assert str(found.pop("2")) == "its worker died twice (exit status -9)"
    assert str(found.pop("3")) == "its worker died twice (exit status 0)"
    assert found == {"0": 0, "1": 1, "4": 4}


@needs_proc
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_may_be_killed_at_any_moment(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While they start, import, work, or send a result that fills the pipe."""
    started, rng, over = list[subprocess.Popen](), random.Random(seed), threading.Event()
    original = subprocess.Popen

    def start(*arguments, **options) -> subprocess.Popen:
        started.append(original(*arguments, **options))
        return started[-1]

    def kill() -> None:
        while not over.wait(rng.uniform(0, 0.3)):
            for process in rng.sample(started[-3:], k=min(2, len(started))):
                process.kill()

    monkeypatch.setattr(pool.subprocess, "Popen", start)
    killer = threading.Thread(target=kill)
    killer.start()
    found = run("large", {str(n): (n,) for n in range(100)}, jobs=3)
    over.set()
    killer.join()
    assert set(found) == {str(n) for n in range(100)}
    for key, result in found.items():
        if isinstance(result, str):
            assert str(result) == "its worker died twice (exit status -9)"
        else:
            assert result[0] == int(key) and (result[1] == int(key)).all()
    assert all(process.poll() is not None for process in started)


# ------------------------------------------------------------------------------ when we are ended

PARENT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from src.common.start import start
start(__name__)
import pickle
import numpy as np
from src.common import code
from src.common.script import run_script
from src.runs.pool import pack, run_tasks

def main():
    print("ready", flush=True)
    texts = code.read() | {{"stub.py": {STUB!r}}}
    program = pack(texts, "stub:sleep", np.ones((60_000, 784), np.uint8))
    tasks = {{str(number): pickle.dumps((number,)) for number in range(4)}}
    for _ in run_tasks(program, tasks, 2):
        pass

run_script(main)
"""


@needs_proc
@pytest.mark.parametrize("names", ["INT", "TERM", "HUP", "KILL", "INT TERM"])
@pytest.mark.parametrize("delay", [0, 0.2, None])
def test_a_stop_leaves_nothing_behind(names: str, delay: float | None, tmp_path: Path) -> None:
    """No process and no traceback; with `delay` None, when both workers are busy.

    For INT TERM, as when a terminal and a batch system agree, one worker has been stopped before.
    """
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout.readline() == "ready\n"
    if delay is None:
        assert [parent.stderr.readline() for _ in range(2)] == ["\n", "\n"]
    else:
        time.sleep(delay)
    if names == "INT TERM":
        for pid in sorted(processes_of(parent.pid) - {parent.pid})[:1]:
            os.kill(pid, signal.SIGSTOP)
    for name in names.split():
        if name == "INT":  # as a terminal does: to all
            os.killpg(parent.pid, signal.SIGINT)
        else:
            parent.send_signal(signal.Signals[f"SIG{name}"])
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == (-signal.SIGKILL if names == "KILL" else 130)
    assert "Traceback" not in errors and len(errors.split()) <= 1, errors
    until_nobody_is_left(parent.pid)


@needs_proc
def test_whoever_stops_listening_leaves_no_worker() -> None:
    program = pack(code.read() | {"stub.py": STUB}, "stub:total", np.arange(4))
    results = run_tasks(program, {str(n): pickle.dumps((n,)) for n in range(50)}, 2)
    _, (_, pid) = next(results)
    results.close()
    assert not Path(f"/proc/{pid}").exists()
