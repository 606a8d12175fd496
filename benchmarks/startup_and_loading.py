"""How long until training starts, how long a whole run takes, and how much memory it needs.

    python benchmarks/startup_and_loading.py        # 2 to 3 minutes
    python benchmarks/startup_and_loading.py --quick

Everything runs in processes of its own, on one BLAS thread; what is compared takes turns. The CSV
is made from the embedded digits, in Kaggle's form, 42,000 rows, in a temporary folder. Writes
startup_and_loading.csv to benchmarks/results/.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from common import EMBEDDED, RESULTS, ask_child, run, run_child, stopwatch, write_rows

# train.py as it is, stopped after its first training step
UNTIL_FIRST_STEP = """
import os, sys
import train
step = train.sgd_step
def once(*arguments):
    step(*arguments)
    os._exit(0)
train.sgd_step = once
sys.argv = ["train.py", *sys.argv[1:]]
train.main()
os._exit(1)
"""


def write_csv(path: str) -> None:
    """The first 42,000 embedded digits as Kaggle would write them."""
    import numpy as np

    from src.digits.data import EMBEDDED, load_data

    data = load_data(EMBEDDED)
    rows = np.column_stack([data.labels, data.images.reshape(-1, 784)])[:42_000]
    header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    np.savetxt(path, rows, "%d", ",", header=header, comments="", encoding="utf-8")


def time_readers(path: str, repeats: int) -> dict:
    """Seconds of each way to read the CSV, the libraries being imported already."""
    import time

    import pandas as pd

    from src.digits.formats import read_table

    ways = {"pd.read_csv": lambda: pd.read_csv(path), "ours": lambda: read_table(path)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, read in ways.items():
            start = time.perf_counter()
            read()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def bare_epochs(epochs: int) -> float:
    """Seconds of the training loop alone of what train.py does: no evaluation, nothing saved."""
    import train
    from src.digits.data import EMBEDDED, load_data
    from src.runs.config import Config

    clock = stopwatch()
    train.train(Config().with_(epochs=epochs), load_data(EMBEDDED), clock)
    return sum(clock.seconds)


def spread(what: str, values: list[float], unit: str = "s", digits: int = 3) -> dict:
    """A row of the CSV: median, lowest and highest of the measured values."""
    found = {"median": median(values), "min": min(values), "max": max(values)}
    row = {"what": what, **{name: round(value, digits) for name, value in found.items()}}
    print(f"  {what:48s} {row['median']:9} {unit}   ({row['min']} to {row['max']})", flush=True)
    return row | {"unit": unit}


def measure_start(folder: str, repeats: int) -> Iterator[dict]:
    """From the start of the process to the first training step, beside NumPy's own import."""
    seconds: dict[str, list[float]] = {"import numpy": [], "first step": []}
    for _ in range(repeats + 1):
        seconds["import numpy"].append(run_child(["-c", "import numpy"])[0])
        arguments = ["-c", UNTIL_FIRST_STEP, "--data", str(EMBEDDED), "--results", folder]
        seconds["first step"].append(run_child(arguments)[0])
    # the first round found nothing in the system's file cache
    bare, ours = seconds["import numpy"][1:], seconds["first step"][1:]
    yield spread('python -c "import numpy"', bare)
    yield spread("process start to first training step", ours)
    yield spread("first training step / import numpy", [median(ours) / median(bare)], "x")


def measure_csv(csv_path: str, repeats: int) -> Iterator[dict]:
    """Our reader, with all its checks, beside pandas as it comes."""
    seconds = ask_child(time_readers, csv_path, repeats)
    for name in ("pd.read_csv", "ours"):
        yield spread(f"CSV of 42,000 rows: {name}", seconds[name])
    ratio = median(seconds["pd.read_csv"]) / median(seconds["ours"])
    yield spread("CSV: pd.read_csv / ours", [ratio], "x", 2)


def measure_runs(folder: str, csv_path: str, repeats: int, epochs: int) -> Iterator[dict]:
    """Whole runs of train.py beside their bare epochs, and the memory that they need."""
    whole, bare, memory = [], [], []
    run = ["train.py", "--recipe", "plain", "--epochs", str(epochs), "--results", folder, "--data"]
    for _ in range(repeats):
        seconds, megabytes = run_child([*run, str(EMBEDDED)])
        whole.append(seconds)
        memory.append(megabytes)
        bare.append(ask_child(bare_epochs, epochs))
    yield spread(f"bare epochs, {epochs} of 54,000 images", bare, digits=2)
    yield spread(f"python train.py, {epochs} epochs", whole, digits=2)
    yield spread("python train.py / bare epochs", [median(whole) / median(bare)], "x", 2)
    yield spread("peak memory of python train.py, embedded data", memory, "MB", 0)
    _, megabytes = run_child([*run, csv_path])
    yield spread("peak memory of python train.py, Kaggle CSV", [megabytes], "MB", 0)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    repeats, epochs = (1, 2) if arguments.quick else (3, 20)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        csv_path = str(Path(folder) / "train.csv")
        ask_child(write_csv, csv_path)
        rows += measure_start(folder, 2 * repeats + 1)
        rows += measure_csv(csv_path, repeats)
        rows += measure_runs(folder, csv_path, repeats, epochs)
    write_rows(arguments.results / "startup_and_loading.csv", rows)


if __name__ == "__main__":
    run(main, write_csv, time_readers, bare_epochs)
