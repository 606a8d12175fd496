"""What the benchmarks share: where things are, child processes, CSV files, the look of figures.

Importing this module is cheap on purpose. A child process inherits its parent's peak memory, so a
script that measures memory must stay small itself and leave all work to its children.
"""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
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
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    return environment


def stay_on_one_core() -> None:
    """Hold this process to one core, where the system lets it: no library can then use two."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run_child(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Run `python command` from the project root: (seconds, peak memory in MB). Output is dropped.

    Ends this script, with what the child had to say, if the child fails.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment or thread_environment(1),
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


def ask_child(script: str, **question: object) -> dict:
    """Run `python script --child QUESTION` and return the JSON object of its last line."""
    command = [sys.executable, script, "--child", json.dumps(question)]
    done = subprocess.run(
        command, cwd=ROOT, env=thread_environment(1), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def peak_megabytes(usage: object) -> float:
    """The peak resident memory in what getrusage or wait4 tells, in MB (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6  # type: ignore[attr-defined]


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
        seconds: list[float] | None = None

        def measure(self, network: Any) -> None:  # the first time, no epoch has been trained
            passed = time.perf_counter() - self.clock
            self.seconds = [] if self.seconds is None else [*self.seconds, passed]
            self.network, self.clock = network, time.perf_counter()

        def enough(self) -> bool:
            return False

    return Stopwatch()


def processor() -> str:
    """What the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        import platform

        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
