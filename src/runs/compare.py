"""Two saved runs beside each other: where they differ, and what can be said of it."""

import math
import re
from itertools import count
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.runs.history import Run
from src.runs.report import Results
from src.runs.storage import folder_for, read_run

# What two runs may differ in beside hyperparameters: by its name in their identity.
OTHERS = {"training_digits": "the data", "code": "the code", "numpy": "NumPy", "threads": "threads"}


def compare_runs(root: Path, *places: str) -> Results:
    """Two runs as the results of one experiment. A place is a folder or its network.npz, or the
    name of a folder in `root`.

    Raises InputError where no run is saved.
    """
    paths = [Path(place).resolve().parts for place in places]
    if paths[0] == paths[1]:
        raise InputError(f"{places[0]}, {places[1]}: give two different runs")
    length = next(n for n in count(1) if paths[0][-n:] != paths[1][-n:])  # mine/results/train
    a, b = ("/".join(parts[-length:]) for parts in paths)
    (ours, one), (theirs, other) = (saved_run(root, place) for place in places)
    validated = bool(ours.right.size and theirs.right.size)
    if not validated and one["test_digits"] != other["test_digits"]:
        raise InputError(f"{a}, {b}: were not measured on the same images")
    entry = {"question": f"{a} or {b}?", "score_test": not validated}
    configs = {a: [ours.config], b: [theirs.config]}
    name = re.sub(r"[^\w-]", "-", f"compare_{a}_{b}", flags=re.ASCII)
    folder = folder_for(root, name, "network.npz")
    data = " and ".join(dict.fromkeys([ours.metrics["data"], theirs.metrics["data"]]))
    results = Results(configs, entry, folder, data)
    results.add(a, ours)
    results.add(b, theirs)
    pairs = [f"{name} {first} or {second}" for name, (first, second) in results.varied.items()]
    if ours.config.seed != theirs.config.seed:
        pairs.append("the seed")
    pairs += [words for key, words in OTHERS.items() if one.get(key) != other.get(key)]
    results.notes = [f"They differ in: {'; '.join(pairs) or 'nothing that is recorded'}."]
    for label, run in ((a, ours), (b, theirs)):
        if "stopped" in run.metrics:
            after = f"after epoch {run.metrics['last_epoch']}: {run.metrics['stopped']}"
            results.notes.append(f"{label} stopped {after}.")
    same_split = ours.config.split_seed == theirs.config.split_seed and "the data" not in pairs
    if validated and same_split and ours.right.size == theirs.right.size:
        results.notes.append(mcnemar(a, b, ours.right, theirs.right))
    elif ours.right.size or theirs.right.size:
        results.notes.append("They did not validate on the same images, which leaves it open.")
    return results


def saved_run(root: Path, place: str) -> tuple[Run, dict]:
    """A run, and all that decided its numbers (storage.identity_of)."""
    for path in (Path(place), root / place):
        file = path / "network.npz" if path.is_dir() else path
        if file.is_file():
            return read_run(file)
    raise InputError(f"{place}: no run is saved there, nor in {root / place}")


def mcnemar(a: str, b: str, ours: np.ndarray, theirs: np.ndarray) -> str:
    """Whether networks a and b differ by more than the choice of the images (McNemar, 1947).

    Only images that one alone reads right tell them apart. Were the networks equally good, each of
    these would fall to either with probability 1/2: p is both tails of that binomial distribution.
    """
    first, second = int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours))
    tail = sum(math.comb(first + second, count) for count in range(min(first, second) + 1))
    p = min(1.0, 2 * tail / 2 ** (first + second))
    return (
        f"Of {ours.size:,} validation images, {a} alone reads {first} and {b} alone {second}: "
        f"these two networks differ by {'more' if p < 0.05 else 'no more'} than the choice of "
        f"images explains (McNemar's test, p = {p:.2g}). Whether their hyperparameters do cannot "
        "be told from one seed each."
    )
