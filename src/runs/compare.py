"""Two saved runs beside each other: where they differ, and what can be said of it."""

import math
import re
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.runs.report import Results
from src.runs.storage import folder_for, read_run


def compare_runs(root: Path, a: str, b: str) -> Results:
    """Two runs as the results of one experiment. Each is given by its folder or its network.npz, or
    by the name of a folder in `root`.

    Raises InputError where no run is saved.
    """
    files = saved_run(root, a), saved_run(root, b)
    if files[0].samefile(files[1]):
        raise InputError(f"{a}, {b}: give two different runs")
    (ours, one), (theirs, other) = map(read_run, files)
    validated = bool(ours.right.size and theirs.right.size)
    entry = {"question": f"{a} or {b}?", "score_test": not validated}
    name = re.sub(r"[^\w-]", "-", f"compare_{a}_{b}", flags=re.ASCII)
    data = " and ".join(dict.fromkeys([ours.metrics["data"], theirs.metrics["data"]]))
    configs = {a: [ours.config], b: [theirs.config]}
    results = Results(configs, entry, folder_for(root, name, "network.npz"), data)
    results.add(a, ours)
    results.add(b, theirs)
    different = []
    for name, first in vars(ours.config).items():
        if (second := getattr(theirs.config, name)) != first:
            different.append(f"{name} {first} or {second}")
    others = ("training_digits", "code", "numpy", "threads", "patience")
    different += [key.replace("_", " ") for key in others if one.get(key, 0) != other.get(key, 0)]
    results.notes = [f"They differ in: {'; '.join(different) or 'nothing that is recorded'}."]
    for label, run in results.all_runs():
        if "stopped" in run.metrics:
            after = f"after epoch {run.history[-1]['epoch']}: {run.metrics['stopped']}"
            results.notes.append(f"{label} stopped {after}.")
    splits = [(run.config.split_seed, run.right.size) for run in (ours, theirs)]
    if validated and splits[0] == splits[1] and "training digits" not in different:
        results.notes.append(mcnemar(a, b, ours.right, theirs.right))
    elif validated or not one["test_digits"] or one["test_digits"] != other["test_digits"]:
        results.notes.append("They were not measured on the same images, which leaves it open.")
    return results


def saved_run(root: Path, place: str) -> Path:
    """The file of a run. Raises InputError if there is none."""
    for path in (Path(place), root / place):
        file = path / "network.npz" if path.is_dir() else path
        if file.is_file():
            return file
    raise InputError(f"{place}: no run is saved there, nor in {root / place}")


def mcnemar(a: str, b: str, ours: np.ndarray, theirs: np.ndarray) -> str:
    """Whether networks a and b differ by more than the choice of the images (McNemar, 1947).

    Only images that one alone reads right tell them apart. Were the networks equally good, each of
    these would fall to either with probability 1/2: p is both tails of that binomial distribution.
    """
    first, second = int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours))
    tail = sum(math.comb(first + second, count) for count in range(min(first, second) + 1))
    p = min(1.0, 2 * tail / 2 ** (first + second))
    probability = f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
    return (
        f"Of {ours.size:,} validation images, {a} alone reads {first} and {b} alone {second}: "
        f"these two networks differ by {'more' if p < 0.05 else 'no more'} than the choice of "
        f"images explains (McNemar's test, {probability}). One seed each cannot show whether "
        "what they differ in makes the difference."
    )
