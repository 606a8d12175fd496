"""The default sweep: how long it takes, what a second worker gains, and how much memory it needs.

    python benchmarks/sweep_speed.py           # about six minutes on two cores
    python benchmarks/sweep_speed.py --quick   # only to see that it works

Writes benchmarks/results/sweep.csv. Memory is counted as proportional set size: what workers share,
the images among them, is divided between them.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from common import RESULTS, ROOT, write_rows


def worker_megabytes(parent: int) -> list[float]:
    """The memory of each worker process of a sweep, in MB; nothing where /proc does not tell."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent
            if ours:
                text = (folder / "smaps_rollup").read_text()
                found.append(int(re.search(r"Pss:\s+(\d+)", text)[1]) * 1024 / 1e6)
        except (OSError, IndexError, ValueError):
            continue
    return found


def sweep(jobs: int, epochs: int, seeds: int) -> tuple[float, float]:
    """Seconds of one fresh sweep, and the most megabytes that any worker of it had."""
    most = 0.0
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, str(ROOT / "experiments.py"), "--results", results]
        command += ["--jobs", str(jobs), "--epochs", str(epochs), "--seeds", str(seeds)]
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
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
    cores = os.cpu_count() or 1
    one, _ = sweep(1, epochs, 3)
    several, megabytes = sweep(cores, epochs, 3)
    rows = [
        {"what": f"8 configurations, 3 seeds, {epochs} epochs, 1 job", "value": f"{one:.1f} s"},
        {
            "what": f"8 configurations, 3 seeds, {epochs} epochs, {cores} jobs",
            "value": f"{several:.1f} s",
        },
        {"what": f"1 job / {cores} jobs", "value": f"{one / several:.2f} ×"},
        {"what": "memory of a worker, at most", "value": f"{megabytes:.0f} MB"},
    ]
    if epochs == 5:
        full, _ = sweep(cores, 20, 3)
        what = f"python experiments.py: 8 configurations, 3 seeds, 20 epochs, {cores} jobs"
        rows.append({"what": what, "value": f"{full:.0f} s"})
    rows.append({"what": "date", "value": date.today().isoformat()})
    for row in rows:
        print(f"{row['what']}: {row['value']}")
    if epochs == 5:
        write_rows(RESULTS / "sweep.csv", rows)


if __name__ == "__main__":
    main()
