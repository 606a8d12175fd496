"""Two saved runs beside each other: where they differ, and what can be said of it."""

import json
import math
import re
from pathlib import Path
from typing import cast

import numpy as np

from src.common.errors import InputError
from src.runs.folder import MARK, read_run
from src.runs.history import Run
from src.runs.questions import folder_for
from src.runs.report import Results


def compare_runs(root: Path, *places: str) -> Results:
    """Two runs as the results of one experiment. A place is a folder, or the name of one in `root`.

    Raises InputError where no run is saved.
    """
    labels = ["/".join(Path(place).parts[-2:]) for place in places]  # two projects: mine/train
    if labels[0] == labels[1]:
        raise InputError(f"{places[0]}, {places[1]}: give two runs with names of their own")
    runs, images = zip(*(saved_run(root, place) for place in places))
    question = f"{labels[0]} or {labels[1]}?"
    entry = {"question": question, "score_test": not all(run.right.size for run in runs)}
    folder = folder_for(root, re.sub(r"\W", "_", "_".join(["compare", *labels]), flags=re.ASCII))
    data = " and ".join(dict.fromkeys(run.metrics["data"] for run in runs))
    results = Results({n: [run.config] for n, run in zip(labels, runs)}, entry, folder, data)
    for label, run in zip(labels, runs):
        results.add(label, run)
    pairs = [f"{name} {a} or {b}" for name, (a, b) in results.varied.items()]
    results.notes = [f"They differ in: {'; '.join(pairs) or 'the seed alone'}."]
    if images[0] == images[1] and runs[0].right.size:
        results.notes.append(mcnemar(labels, runs[0].right, runs[1].right))
    else:
        results.notes.append("They did not validate on the same images, which leaves it open.")
    return results


def saved_run(root: Path, place: str) -> tuple[Run, list]:
    """A run, and what decides on which images it validated."""
    folder = Path(place) if (Path(place) / MARK).is_file() else root / place
    if not (folder / MARK).is_file():
        raise InputError(f"{place}: no run is saved there, nor in {root / place}")
    try:
        identity = json.loads((folder / MARK).read_text(encoding="utf-8"))
        del identity["sha256"]
        run = read_run(folder, identity)
        split = identity["config"]["split_seed"], identity["config"]["validation_fraction"]
        return cast(Run, run), [identity["training_digits"], *split]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}: damaged ({error}); train it again") from error


def mcnemar(labels: list[str], ours: np.ndarray, theirs: np.ndarray) -> str:
    """Whether two networks differ by more than the choice of the images (McNemar, 1947).

    Only images that one alone reads right tell them apart. Were the networks equally good, each of
    these would fall to either with probability 1/2: p is both tails of that binomial distribution.
    """
    a, b = int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours))
    tail = sum(math.comb(a + b, count) for count in range(min(a, b) + 1))
    p = min(1.0, 2 * tail / 2 ** (a + b))
    return (
        f"Of {ours.size:,} validation images, {labels[0]} alone reads {a} and {labels[1]} alone "
        f"{b}: these two networks differ by {'more' if p < 0.05 else 'no more'} than the choice of "
        f"images explains (McNemar's test, p = {p:.2g}). Whether their hyperparameters do cannot "
        "be told from one seed each."
    )
