"""A run in one file, which is whole or not there: its network, what decided it, what came of it."""

import copy
import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from src.common.errors import InputError
from src.common.files import keep_only, make_writable, replacing
from src.digits.data import Data, fingerprint, row_hashes, split
from src.reading.saved import load_network, save_network
from src.runs.config import Config
from src.runs.history import Run


def identity_of(config: Config, data: Data, code: str, score_test: bool) -> dict:
    """Everything that the numbers of a run depend on, and nothing else, fit for JSON.

    Digits count by their content, not by the name of their file; those of the test set count only
    where they are scored. `code` is that of code_key.
    """
    blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return {
        "config": dataclasses.asdict(config),
        "training_digits": fingerprint(data.images, data.labels),
        "test_digits": fingerprint(data.test_images, data.test_labels) if score_test else None,
        "code": code,
        "numpy": np.__version__,
        "threads": max(blas, default=1),
    }


def folder_for(root: Path, name: object, foreign: str) -> Path:
    """Make the folder of results with this name. `foreign` is a file of the other script.

    Raises InputError if the name is not valid, or the folder is the other's or not writable.
    """
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
        raise InputError(f"{name!r}: a name consists of letters, digits, - and _")
    if name.lower() == "runs":
        raise InputError("runs: the folder of the sweeps' runs; give another --name")
    folder = root / name
    if (folder / foreign).exists():
        raise InputError(f"{folder}: holds {foreign} of another script; give another --name")
    make_writable(folder)
    return folder


def run_name(identity: dict) -> str:
    """The name of the file of the run with this identity."""
    config = identity["config"]
    layers = "-".join(map(str, config["hidden"][:4])) or "none"
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return f"{layers}_seed{config['seed']}_{key}.npz"


def write_run(path: Path, run: Run, identity: dict, **arrays: np.ndarray) -> None:
    """Save a run in one .npz, in place of what was there. predict.py can read with it."""
    about = {"preprocessing": run.config.preprocessing, "identity": identity}
    about |= {"metrics": run.metrics, "history": run.history}
    save_network(path, run.network, about, right=run.right, **arrays)


def read_run(path: Path) -> tuple[Run, dict]:
    """The run in a file, without the statistics of its layers, and its identity.

    Raises InputError if the file is damaged or holds no run, and OSError if it cannot be read.
    """
    network, about = load_network(path)
    try:
        identity, config = about["identity"], Config(**about["identity"]["config"])
        run = Run(config, network, about["history"], [], about["metrics"], about["right"])
        return run, identity
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: holds no whole run ({error!r})") from error


def write_folder(folder: Path, run: Run, identity: dict, data: Data) -> None:
    """What train.py leaves: network.npz, which is the run, and beside it what people look into.

    best.npz     the network of the epoch with the best validation accuracy, if there is one
    run.json     what decided the run, and what came of it
    history.csv  loss and accuracy, epoch by epoch
    layers.csv   the statistics of each layer, epoch by epoch
    """
    config = run.config
    seen, _ = split(len(data.images), config.validation_fraction, config.split_seed)
    known = {"trained_on": row_hashes(data.images[seen]), "digits": np.unique(data.labels[seen])}
    write_run(folder / "network.npz", run, identity, **known)
    for name in ("best.npz", "run.json", "history.csv", "layers.csv"):  # of an earlier run
        (folder / name).unlink(missing_ok=True)
    keep_only(folder, [])  # nor its figures
    if run.best is not None:
        best = copy.copy(run.network)
        best.parameters = run.best
        save_network(folder / "best.npz", best, {"preprocessing": config.preprocessing}, **known)
    for name, rows in (("history.csv", run.history), ("layers.csv", run.layers)):
        with replacing(folder / name) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    with replacing(folder / "run.json") as temporary:
        described = json.dumps(identity | {"metrics": run.metrics}, indent=2)
        temporary.write_text(described + "\n", encoding="utf-8")
