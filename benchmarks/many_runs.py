"""What a sweep costs beside the training: per run, and again when all runs are finished.

    python benchmarks/many_runs.py              # 100, 1,000 and 10,000 runs: about six minutes
    python benchmarks/many_runs.py 100 1000     # only these

The training is a stub that measures an untrained network of 12,730 parameters on 400 images, so
that what counts is the rest: identities, workers, results, folders. Two jobs. Writes
benchmarks/results/many_runs.csv. Tables and figures are not part of it.
"""

import argparse
import contextlib
import io
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from common import RESULTS, ask_child, peak_megabytes, run, write_rows

STUB = b"""
def train(config, data, record):
    from src.model import NeuralNetwork
    record.begin(config, data)
    network = NeuralNetwork(config.layer_sizes)
    record.measure(network)
    record.measure(network)
"""


def sweep_once(count: int, folder: str) -> dict:
    """In a process of its own: seconds and the most megabytes of a sweep of `count` runs."""
    from src.common import code
    from src.digits.data import Data
    from src.runs import sweep
    from src.runs.config import Config
    from src.runs.report import Results

    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 28, 28), np.uint8), rng.integers(0, 10, 400)
    few = Data("noise", images, labels, images[:0], labels[:0])
    texts = code.read() | {"train.py": STUB}
    sweep.sources = lambda: texts
    configs = [Config(hidden=(16,), epochs=1, seed=seed) for seed in range(count)]
    results = Results({str(n): [config] for n, config in enumerate(configs)}, {}, Path(folder))
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in sweep.sweep([results], few, Path(folder), 2):
            pass
    assert not results.failed
    seconds = time.perf_counter() - start
    return {"s": seconds, "MB": peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000, 10_000])
    rows = []
    for count in parser.parse_args().counts:
        with tempfile.TemporaryDirectory() as folder:
            first, again = (ask_child(sweep_once, count, folder) for _ in range(2))
        row = {
            "runs": count,
            "ms a run": round(1000 * first["s"] / count, 1),
            "ms a run, all finished": round(1000 * again["s"] / count, 1),
            "MB": round(first["MB"]),
            "date": date.today().isoformat(),
        }
        print(row, flush=True)
        rows.append(row)
    write_rows(RESULTS / "many_runs.csv", rows)


if __name__ == "__main__":
    run(main, sweep_once)
