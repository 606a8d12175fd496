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
from src.common.script import BLAS
from src.runs import pool
from src.runs.pool import jobs_possible, run_tasks
from tests.conftest import ROOT
from tests.sweeping import needs_proc, processes_of, until_nobody_is_left

STUB = b"""
import os, random, signal, sys, threading, time
from pathlib import Path
import numpy as np
from src.common.errors import InputError
COUNT = []

def do(data, code):
    names = globals() | data | {"result": None}
    exec(code, names)
    return names["result"]
"""
DATA = np.arange(4)


def program(numbers: np.ndarray = DATA) -> tuple:
    return code.read() | {"stub.py": STUB}, "stub:do", {"data": numbers}


def run(*tasks: str, jobs: int = 1, data: np.ndarray = DATA) -> list:
    """The `result` of each of these pieces of code in a worker, or why there is none, in order."""
    pickled = {str(number): pickle.dumps((task,)) for number, task in enumerate(tasks)}
    found = dict(run_tasks(program(data), pickled, jobs))
    return [found[key] for key in pickled]


# ---------------------------------------------------------------------------------------- results


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_task_yields_its_result(jobs: int) -> None:
    found = run(*[f"result = {n} * int(data.sum()), os.getpid()" for n in range(6)], jobs=jobs)
    assert [total for total, _ in found] == [0, 6, 12, 18, 24, 30]
    pids = {pid for _, pid in found}
    assert os.getpid() not in pids and len(pids) <= jobs
    assert run() == []


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("raise InputError('3 is odd')", "3 is odd"),
        ("raise MemoryError('too large')", "MemoryError: too large"),
        ("sys.exit(3)", "SystemExit: 3 (in <module>, line 1)"),
        ("result = threading.Lock()", "cannot pickle"),
        ("\n1 / 0", "ZeroDivisionError: division by zero (in <module>, line 2)"),
        ("data[0] = 7", "read-only"),
    ],
)
def test_a_task_that_fails_says_why_in_one_line_and_the_others_go_on(
    task: str, reason: str
) -> None:
    failed, other = run(task, "result = 7")
    assert isinstance(failed, str) and reason in failed and "\n" not in failed
    assert other == 7


def test_what_a_task_prints_or_reads_does_not_garble_its_result(
    capfd: pytest.CaptureFixture,
) -> None:
    talk = "print('hello', flush=True); os.write(1, b'MKL WARNING'); os.system('echo Training')"
    assert run(f"{talk}; result = 1, sys.stdin.read()", f"{talk}; result = 2") == [(1, ""), 2]
    assert capfd.readouterr().err.count("Training") == 2


def test_each_task_finds_everything_as_the_first_one_did() -> None:
    task = "COUNT.append(1); result = len(COUNT), random.random(), np.random.random()"
    first, second, third = run(task, task, task)
    assert first == second == third and first[0] == 1


def test_one_thread_and_the_same_bits_whatever_is_set_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = np.random.default_rng(0).normal(size=(300, 500)).astype(np.float32)
    task, found = "result = (data @ data.T).tobytes(), dict(os.environ)", []
    for threads, jobs in (("1", 1), ("2", 2)):
        for name in BLAS:
            monkeypatch.setenv(name, threads)
        found += run(task, task, jobs=jobs, data=numbers)
    assert len({product for product, _ in found}) == 1
    assert {environment[name] for _, environment in found for name in BLAS} == {"1"}


def test_a_fault_around_the_workers_reaches_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.sys, "executable", "/no/such/python")
    with pytest.raises(FileNotFoundError, match="no/such/python"):
        run("result = 1")


def test_no_file_of_the_current_folder_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle", "stub", "struct", "threading"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert run("result = 12") == [12]
    assert not (tmp_path / "executed").exists()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_jobs_possible_respects_affinity_and_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(7)))
    for limit, expected in (("max 100000", 7), ("250000 100000", 3), ("50000 100000", 1)):
        monkeypatch.setattr(Path, "read_text", lambda path, limit=limit: limit)
        assert jobs_possible() == expected


# --------------------------------------------------------------------------------- workers that die

KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def test_a_worker_that_dies_costs_its_own_task_one_attempt(tmp_path: Path) -> None:
    once = f"once = Path({str(tmp_path / 'killed')!r})\nif not once.exists(): once.touch(); {KILL}"
    tasks = ["result = 0", f"{once}\nresult = 1", KILL, "os._exit(0)", "result = 4"]
    assert run(*tasks, jobs=2) == [
        0,
        1,
        "its worker died twice (exit status -9)",
        "its worker died twice (exit status 0)",
        4,
    ]


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
    large = "time.sleep(0.005); result = np.full(100_000, {})"
    found = run(*[large.format(number) for number in range(100)], jobs=3)
    over.set()
    killer.join()
    for number, result in enumerate(found):
        if isinstance(result, str):
            assert result == "its worker died twice (exit status -9)"
        else:
            assert result.shape == (100_000,) and (result == number).all()
    assert all(process.poll() is not None for process in started)


# ------------------------------------------------------------------------------ when we are ended

PARENT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from src.common.script import run_script, start
start(__name__)
import pickle
import numpy as np
from src.common import code
from src.runs.pool import run_tasks

def main():
    print("ready", flush=True)
    texts = code.read() | {{"stub.py": {STUB!r}}}
    program = texts, "stub:do", {{"data": np.ones((60_000, 784), np.uint8)}}
    task = pickle.dumps(("os.write(2, bytes([10])); time.sleep(600)",))
    for _ in run_tasks(program, dict.fromkeys("0123", task), 2):
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
    script, pipe = tmp_path / "parent.py", subprocess.PIPE
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=pipe, stderr=pipe, text=True, start_new_session=True
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
    before = len(os.listdir("/proc/self/fd"))
    task = pickle.dumps(("result = os.getpid()",))
    results = run_tasks(program(), {str(number): task for number in range(50)}, 2)
    _, pid = next(results)
    results.close()
    assert not Path(f"/proc/{pid}").exists()
    assert len(os.listdir("/proc/self/fd")) == before  # nor a pipe
