"""What a sweep costs beside the training: per run, and again when all runs are finished.

    python benchmarks/many_runs.py              # 100, 1,000 and 10,000 runs: about six minutes
    python benchmarks/many_runs.py 100 1000     # only these

The training is a stub that measures an untrained network of 12,730 parameters on 400 images, so
that what counts is the rest: identities, workers, results, folders. Two jobs. Writes
benchmarks/results/many_runs.csv. Tables and figures are not part of it.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from common import RESULTS, ROOT, write_rows

sys.path.insert(0, str(ROOT))

STUB = b"""
def train(config, data, record):
    from src.model import NeuralNetwork
    record.begin(config, data)
    network = NeuralNetwork(config.layer_sizes)
    record.measure(network)
    record.measure(network)
"""


def sweep_once(count: int, folder: Path) -> dict:
    """In a process of its own: seconds and the most megabytes of a sweep of `count` runs."""
    from src.common import code
    from src.digits.data import Data
    from src.runs import sweep
    from src.runs.config import Config

    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 28, 28), np.uint8), rng.integers(0, 10, 400)
    few = Data("noise", images, labels, images[:0], labels[:0])
    texts = code.read() | {"train.py": STUB}
    sweep.sources = lambda: texts
    configs = [Config(hidden=(16,), epochs=1, seed=seed) for seed in range(count)]
    wanted = [sweep.Wanted("", str(n), config, False) for n, config in enumerate(configs)]
    start = time.perf_counter()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        runs = list(sweep.sweep(wanted, few, folder, 2))
    assert not [run for _, run in runs if isinstance(run, str)]
    seconds = time.perf_counter() - start
    return {"s": seconds, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000, 10_000])
    parser.add_argument("--once", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(sweep_once(arguments.counts[0], Path(arguments.once))))
        return
    rows = []
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, str(count), "--once", folder]
            first, again = (json.loads(subprocess.check_output(command)) for _ in range(2))
        rows.append(
            {
                "runs": count,
                "ms a run": round(1000 * first["s"] / count, 1),
                "ms a run, all finished": round(1000 * again["s"] / count, 1),
                "MB": round(first["MB"]),
                "date": date.today().isoformat(),
            }
        )
        print(rows[-1], flush=True)
    write_rows(RESULTS / "many_runs.csv", rows)


if __name__ == "__main__":
    main()
