"""What the benchmarks share: where things are, child processes, CSV files.

Importing this module is cheap on purpose. A child process inherits its parent's peak memory, so a
script that measures memory must stay small itself and leave all work to its children.
"""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
EMBEDDED = ROOT / "data" / "mnist.npz"
sys.path.insert(0, str(ROOT))  # so that `train` and `src` are found


def cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_environment(threads: int) -> dict[str, str]:
    """Environment variables that hold every numerical library to this many threads."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    environment = os.environ | {name: str(threads) for name in names}
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        environment["XLA_FLAGS"] = flags
    return environment


def run_child(command: list[str]) -> tuple[float, float]:
    """Run `python command` from the project root, on one thread: (seconds, peak memory in MB).

    Its output is dropped. If it fails, this script ends with what it had to say.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=thread_environment(1),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        message = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{message}")
    return seconds, peak_megabytes(usage)


def peak_megabytes(usage: Any) -> float:
    """The peak resident memory in what getrusage or wait4 tells, in MB (10^6 bytes)."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def ask_child(task: Callable, *arguments: Any, threads: int = 1) -> Any:
    """What a function of a script that ends with `run` returns, done in a process of its own.

    Arguments and result travel as JSON. What the child prints goes to stderr.
    """
    script = task.__code__.co_filename
    command = [sys.executable, script, "--child", json.dumps([task.__name__, arguments])]
    environment = thread_environment(threads)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def run(main: Callable[[], None], *tasks: Callable) -> None:
    """Run a script: its `main`, or in a child, the one of its tasks that ask_child names."""
    if sys.argv[1:2] != ["--child"]:
        main()
        return
    answer, sys.stdout = sys.stdout, sys.stderr
    name, arguments = json.loads(sys.argv[2])
    task = next(task for task in tasks if task.__name__ == name)
    json.dump(task(*arguments), answer)


def write_rows(path: Path, rows: Iterable[dict]) -> None:
    """Write dicts with the same keys as a CSV."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"saved {path}")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV, every value a string."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def stopwatch() -> Any:
    """A Recorder for train.train that measures nothing but the `seconds` of each epoch."""
    from src.runs.history import Recorder

    class Stopwatch(Recorder):
        def measure(self, network: Any) -> None:
            """Called before the first epoch, too, of which no time is kept."""
            now = time.perf_counter()
            self.seconds = [*self.seconds, now - self.clock] if hasattr(self, "seconds") else []
            self.network, self.clock = network, time.perf_counter()

    return Stopwatch()
