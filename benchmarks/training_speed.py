"""How fast is one epoch, beside PyTorch, scikit-learn and JAX?

    python benchmarks/training_speed.py             # everything, 10 to 15 minutes
    python benchmarks/training_speed.py --quick     # two batch sizes, one thread, one repeat

Everyone does the same work: 784-128-64-10, float32, He-uniform weights, biases of 0, one shuffled
pass over the 60,000 training images, no evaluation; with plain SGD, and with Nesterov momentum and
weight decay. In every repeat each contestant starts with a fresh network and takes its turn, so
that a busy moment of the machine hits all alike. Writes training_speed.csv, training_speed.png and
environment.csv to benchmarks/results/.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import networks

from common import RESULTS, ask_child, cores, run, write_rows

PLAIN, MOMENTUM, RECIPE = "plain SGD", "Nesterov, weight decay", "recipe best"
MOMENTA = {"learning_rate": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
TRAINING = {PLAIN: {"learning_rate": 0.1}, MOMENTUM: MOMENTA}  # in the words of src/runs/config.py


def line_up(digits: networks.Digits, batch_size: int, skipped: set[str]) -> dict:
    """Who takes part: {(training, contestant): fresh}. Each warms up, which also compiles."""
    entries = [(kind, name) for kind in TRAINING for name in networks.CONTESTANTS]
    entries = [each for each in entries if each[1] != networks.BEST]
    entries.remove((MOMENTUM, networks.FLOOR))  # the products are the same
    ready = {}
    for kind, name in [*entries, (RECIPE, networks.BEST)]:
        if name in skipped:
            continue
        try:
            fresh = networks.CONTESTANTS[name](digits, batch_size, TRAINING.get(kind, {}))
            fresh()[0]()
            ready[kind, name] = fresh
        except Exception as error:  # a peer that is missing or broken must not stop the others
            if name in (networks.FLOOR, networks.OURS, networks.BEST):
                raise
            skipped.add(name)
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"  {name}: skipped ({first_line[:100]})", flush=True)
    return ready


def measure(
    digits: networks.Digits, batch_size: int, repeats: int, skipped: set[str]
) -> Iterator[dict]:
    """One row for each contestant and training."""
    ready = line_up(digits, batch_size, skipped)
    seconds: dict[tuple[str, str], list[float]] = {name: [] for name in ready}
    accuracy = dict.fromkeys(ready, "")
    for _ in range(repeats):
        for name, fresh in ready.items():
            epoch, predict = fresh()
            start = time.perf_counter()
            told = epoch()
            seconds[name].append(told or time.perf_counter() - start)
            answers = predict()
            if answers is not None:
                accuracy[name] = f"{(answers == digits.test_labels).mean():.4f}"
    for (training, name), times in seconds.items():
        mine = seconds[PLAIN if training == RECIPE else training, networks.OURS]
        yield {
            "batch_size": batch_size,
            "training": training,
            "contestant": name,
            "median_seconds": round(median(times), 6),
            "min_seconds": round(min(times), 6),
            "max_seconds": round(max(times), 6),
            "it_over_ours": round(median(b / a for a, b in zip(mine, times)), 4),
            "test_accuracy": accuracy[training, name],
            "repeats": repeats,
        }


def measure_all(threads: int, batch_sizes: list[int], repeats: int) -> list[dict]:
    """In a process of its own, since libraries read the number of threads when they load."""
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # no library can use two cores
    digits, skipped, rows = networks.Digits(), set(), []
    for batch_size in batch_sizes:
        print(f"batch size {batch_size}, {threads} thread{'s' * (threads > 1)}", flush=True)
        for row in measure(digits, batch_size, repeats, skipped):
            rows.append({"threads": threads, **row})
            print(
                f"  {row['training']:22s} {row['contestant']:20s} {row['median_seconds']:7.3f} s "
                f"({row['min_seconds']:.3f} to {row['max_seconds']:.3f})   it / ours "
                f"{row['it_over_ours']:.2f}   test accuracy {row['test_accuracy']}",
                flush=True,
            )
    return rows


def environment() -> Iterator[dict]:
    """What the figures were measured on."""
    cpu, known = Path("/proc/cpuinfo"), "unknown"
    if cpu.exists():
        lines = cpu.read_text(encoding="utf-8").splitlines()
        known = next((line.split(":")[1].strip() for line in lines if "model name" in line), known)
    found = {"processor": known, "cores": cores(), "Python": sys.version.split()[0]}
    for name in ("numpy", "torch", "scikit-learn", "jax"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    found["date"] = time.strftime("%Y-%m-%d")
    return ({"what": what, "value": value} for what, value in found.items())


def plot(folder: Path) -> None:
    """One group of bars for each batch size, one thread, plain SGD: each one's time over ours."""
    import pandas as pd
    from matplotlib.figure import Figure

    rows = pd.read_csv(folder / "training_speed.csv")
    rows = rows[(rows["threads"] == 1) & (rows["training"] == PLAIN)]
    colours = {
        networks.JAX_SCAN: "#E69F00",
        networks.OURS: "#0072B2",
        networks.JAX_STEP: "#F5D48A",
        networks.TORCH: "#D55E00",
        networks.COMPILED: "#F0A884",
        networks.SKLEARN: "#009E73",
    }
    table = rows.pivot(index="batch_size", columns="contestant", values="it_over_ours")
    table = table[[name for name in colours if name in table]]
    figure = Figure((9, 4.4), layout="constrained")
    axes = figure.subplots()
    table.plot.bar(ax=axes, color=colours, width=0.86, edgecolor="white", rot=0, legend=False)
    white = {"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"}
    for bars in axes.containers:
        axes.bar_label(bars, fmt="%.2f", fontsize=8, padding=3, bbox=white)
    axes.axhline(1, color="black", lw=1, ls="--", zorder=0.9)
    axes.set(xlabel="batch size", ylabel="time of an epoch, ours = 1")
    axes.set_title("One epoch of 784-128-64-10 with plain SGD on one core: lower is faster")
    axes.tick_params(axis="x", length=0)
    axes.margins(y=0.08)
    figure.legend(loc="outside lower center", ncols=6, fontsize=9, columnspacing=1.2)
    figure.savefig(folder / "training_speed.png", dpi=150)
    print(f"saved {folder / 'training_speed.png'}")


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    repeats, batch_sizes = (1, [64, 256]) if given.quick else (5, [32, 64, 128, 256])
    rows = []
    for threads in [1] if given.quick else sorted({1, cores()}):
        rows += ask_child(measure_all, threads, batch_sizes, repeats, threads=threads)
    write_rows(given.results / "training_speed.csv", rows)
    write_rows(given.results / "environment.csv", environment())
    plot(given.results)


if __name__ == "__main__":
    run(main, measure_all)
