"""The default sweep: how long it takes, what a second worker gains, and how much memory it needs.

    python benchmarks/sweep_speed.py           # about six minutes on two cores
    python benchmarks/sweep_speed.py --quick   # only to see that it works

Writes benchmarks/results/sweep.csv. Memory is counted as proportional set size: what workers share,
the images among them, is divided between them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from common import RESULTS, ROOT, cores, write_rows


def worker_megabytes(parent: int) -> list[float]:
    """The memory of each worker process of a sweep, in MB; nothing where /proc does not tell."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                text = (folder / "smaps_rollup").read_text()
                found.append(int(re.search(r"Pss:\s+(\d+)", text)[1]) * 1024 / 1e6)
        except (OSError, IndexError, ValueError):
            continue
    return found


def sweep(jobs: int, epochs: int) -> tuple[float, float]:
    """Seconds of one fresh sweep, and the most megabytes that any worker of it had."""
    most = 0.0
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, str(ROOT / "experiments.py"), "--results", results]
        command += ["--jobs", str(jobs), "--epochs", str(epochs), "--seeds", "3"]
        start = time.perf_counter()
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        while process.poll() is None:
            most = max([most, *worker_megabytes(process.pid)])
            time.sleep(0.5)
        if process.returncode:
            sys.exit(f"the sweep failed with status {process.returncode}")
        return time.perf_counter() - start, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    epochs = 1 if parser.parse_args().quick else 5
    jobs = cores()
    one, _ = sweep(1, epochs)
    several, megabytes = sweep(jobs, epochs)
    found = {
        f"8 configurations, 3 seeds, {epochs} epochs, 1 job": f"{one:.1f} s",
        f"8 configurations, 3 seeds, {epochs} epochs, {jobs} jobs": f"{several:.1f} s",
        f"1 job / {jobs} jobs": f"{one / several:.2f} ×",
        "memory of a worker, at most": f"{megabytes:.0f} MB",
    }
    if epochs == 5:
        full, _ = sweep(jobs, 20)
        what = f"python experiments.py: 8 configurations, 3 seeds, 20 epochs, {jobs} jobs"
        found[what] = f"{full:.0f} s"
    found["date"] = date.today().isoformat()
    for what, value in found.items():
        print(f"{what}: {value}")
    if epochs == 5:
        write_rows(RESULTS / "sweep.csv", [{"what": w, "value": v} for w, v in found.items()])


if __name__ == "__main__":
    main()
