"""The folder of one run: its name says what its numbers depend on, and its files are whole.

config.json    everything that decided the result, and a checksum of each file beside it
metrics.json   how good the network of the last epoch is
history.csv    loss and accuracy, epoch by epoch
layers.csv     the statistics of each layer, epoch by epoch
network.npz    the network of the last epoch
best.npz       that of the epoch with the best validation accuracy, where it was kept
right.npy      which validation images the network reads right in the end, eight in a byte
"""

import contextlib
import copy
import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from src.common.errors import InputError
from src.common.files import located, write_json
from src.digits.data import Data
from src.reading.saved import save_network
from src.runs.config import Config
from src.runs.history import Run

MARK = "config.json"
DAMAGED: tuple = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
DAMAGED += (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def identity_of(config: Config, data: Data, code: str, score_test: bool) -> dict:
    """Everything that the numbers of a run depend on, and nothing else, as JSON gives it back.

    Digits count by their content, not by the name of their file; those of the test set count only
    where they are scored. `code` is that of code_key.
    """
    blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return as_json(config) | {
        "training_digits": data.fingerprint(),
        "test_digits": data.test_fingerprint() if score_test else None,
        "code": code,
        "numpy": np.__version__,
        "threads": max(blas, default=1),
    }


def checked_name(name: object) -> str:
    """A name for a folder in results. Raises InputError if it is none, or the sweeps'."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
        raise InputError(f"{name!r}: a name consists of letters, digits, - and _")
    if name.lower() == "runs":
        raise InputError("runs: the folder of the sweeps' runs; give another --name")
    return name


def as_json(config: Config) -> dict:
    """The hyperparameters as they will be read back: lists instead of tuples."""
    return json.loads(json.dumps({"config": dataclasses.asdict(config)}))


def run_name(identity: dict) -> str:
    """The name of the folder of the run with this identity."""
    config = identity["config"]
    layers = "-".join(map(str, config["hidden"][:4])) or "none"
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return f"{layers}_seed{config['seed']}_{key}"


def write_run(folder: Path, run: Run, identity: dict, trained_on: np.ndarray | None = None) -> None:
    """Write the files of a run, all or none, in place of those of another.

    They are written to a folder inside `folder` first, then moved, config.json last. Killed at any
    moment, the old run is there, or `settle` puts the new one in its place. `trained_on` are the
    row_hashes of the training images, for save_network.
    """
    new = folder / ".new"
    saved_with = {"preprocessing": run.config.preprocessing, "config": identity["config"]}
    saved_with |= {"metrics": run.metrics}
    try:
        settle(folder)
        new.mkdir(parents=True)
        write_json(new / "metrics.json", run.metrics)
        pd.DataFrame(run.history).to_csv(new / "history.csv", index=False)
        pd.DataFrame(run.layers).to_csv(new / "layers.csv", index=False)
        np.save(new / "right.npy", np.packbits(run.right))
        save_network(new / "network.npz", run.network, saved_with, trained_on)
        if run.best is not None:
            best = copy.copy(run.network)
            best.parameters = run.best
            save_network(new / "best.npz", best, saved_with, trained_on)
        sums = {path.name: checksum(path) for path in sorted(new.iterdir())}
        write_json(new / MARK, identity | {"sha256": sums})
        settle(folder)
    except OSError as error:  # a full disk does not say where
        shutil.rmtree(new, ignore_errors=True)
        raise located(error, folder) from error


def settle(folder: Path) -> None:
    """Finish what a killed write_run has written as a whole, and remove what it has not."""
    new, sums = folder / ".new", {}
    with contextlib.suppress(OSError, ValueError):  # no mark, or half of one after a power cut
        sums = json.loads((new / MARK).read_text(encoding="utf-8"))["sha256"]
    if sums:
        if "best.npz" not in sums:
            (folder / "best.npz").unlink(missing_ok=True)  # of an earlier run
        (folder / MARK).unlink(missing_ok=True)  # from here on it is not whole
        for path in sorted(new.iterdir(), key=lambda path: path.name == MARK):
            os.replace(path, folder / path.name)
    shutil.rmtree(new, ignore_errors=True)


def read_run(folder: Path, identity: dict) -> Run | None:
    """The run that stands in its folder, without its network and layers; None if none does.

    Raises InputError if it is another run's or no longer what was written, and OSError if that
    cannot be told.
    """
    try:
        settle(folder)
        mark = (folder / MARK).read_bytes()
    except FileNotFoundError:
        return None
    try:
        described = json.loads(mark)
        sums = described.pop("sha256")
        if described != identity:
            raise ValueError("holds another run than its name says")
        changed = [name for name in sums if checksum(folder / name) != sums[name]]
        if changed or not {"metrics.json", "history.csv", "network.npz"} <= sums.keys():
            raise ValueError(f"{', '.join(changed) or 'a file'} is not what the run wrote")
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        history = pd.read_csv(folder / "history.csv", dtype=str).astype(float)  # to the last bit
        rows = history.astype({"epoch": int}).to_dict("records")
        bits = np.unpackbits(np.load(folder / "right.npy"), count=metrics["validation_images"])
        config, network = Config(**described["config"]), None
        return Run(config, network, rows, [], metrics, bits.astype(bool))  # type: ignore[arg-type]
    except DAMAGED as error:
        raise InputError(f"{folder}: damaged ({error})") from error


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
