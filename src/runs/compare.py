"""Two saved runs beside each other: where they differ, and what can be said of it."""

import json
import math
import re
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.runs.folder import read_run
from src.runs.history import Run
from src.runs.questions import folder_for
from src.runs.report import Results


def compare_runs(root: Path, *places: str) -> Results:
    """Two runs as the results of one experiment. A place is a folder, or the name of one in `root`.

    Raises InputError where no run is saved.
    """
    labels = [Path(place).resolve().name for place in places]
    if labels[0] == labels[1]:  # results/train of two projects, say
        labels = [f"{label} {number}" for number, label in enumerate(labels, start=1)]
    (first, identity), (second, other_identity) = (saved_run(root, place) for place in places)
    configs = {labels[0]: [first.config], labels[1]: [second.config]}
    folder = folder_for(root, re.sub(r"\W", "_", "_".join(["compare", *labels]), flags=re.ASCII))
    results = Results(configs, {"question": f"{labels[0]} or {labels[1]}?"}, folder)
    results.data = " and ".join({str(run.metrics.get("data")): 0 for run in (first, second)})
    for label, run in zip(labels, (first, second)):
        results.add(label, run.config.seed, run)
    pairs = [(n, getattr(first.config, n), getattr(second.config, n)) for n in results.differs]
    differences = "; ".join(f"{name} {one} or {other}" for name, one, other in pairs)
    results.notes = [f"They differ in: {differences or 'the seed alone'}."]
    keys, images = ("training_digits", "split_seed", "validation_fraction"), []
    for each in (identity, other_identity):
        images.append([{**each, **each["config"]}[key] for key in keys])
    if images[0] == images[1] and first.right.size:
        results.notes.append(mcnemar(labels, first.right, second.right))
    else:
        results.notes.append("They did not validate on the same images, which leaves it open.")
    return results


def saved_run(root: Path, place: str) -> tuple[Run, dict]:
    """A run and its identity."""
    for folder in (Path(place), root / place):
        if (mark := folder / "config.json").is_file():
            try:
                identity = json.loads(mark.read_text(encoding="utf-8"))
                del identity["sha256"]
            except (ValueError, TypeError, KeyError) as error:
                raise InputError(f"{folder}: damaged ({error!r}); train it again") from error
            return read_run(folder, identity), identity
    raise InputError(f"{place}: no run is saved there, nor in {root / place}; train.py saves one")


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
