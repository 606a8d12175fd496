"""The folder of one run: its name says what its numbers depend on, and its files are whole.

config.json    everything that decided the result, and a checksum of each file beside it
metrics.json   how good the network of the last epoch is
history.csv    loss and accuracy, epoch by epoch
layers.csv     the statistics of every layer, epoch by epoch
network.npz    the network of the last epoch
"""

import csv
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.common.files import filling, replacing, write_json
from src.digits.data import Data
from src.reading.saved import load_network, save_network
from src.runs.config import Config
from src.runs.history import Run


def identity(config: Config, data: Data, code: str, score_test: bool) -> dict:
    """Everything that the numbers of a run depend on, and nothing else, fit for JSON.

    Digits count by their content, not by the name of their file; those of the test set count only
    where they are scored. `code` is that of code_key.
    """
    return {
        "config": dataclasses.asdict(config) | {"hidden": list(config.hidden)},
        "training_digits": data.fingerprint(),
        "test_digits": data.test_fingerprint() if score_test else None,
        "code": code,
        "numpy": np.__version__,
    }


def run_name(decided_by: dict) -> str:
    """The name of the folder of the run with this identity."""
    config = decided_by["config"]
    layers = "-".join(map(str, config["hidden"][:4])) or "none"
    key = hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:16]
    return f"{layers}_seed{config['seed']}_{key}"


def write_run(folder: Path, run: Run, decided_by: dict, figures: Sequence[str] = ()) -> None:
    """Write the files of a run, all or none; old `figures`, which the caller draws anew, go."""
    config = decided_by["config"]
    saved_with = {"preprocessing": config["preprocessing"], "config": config}
    saved_with["metrics"] = run.metrics
    with filling(folder, figures) as new:
        write_json(new / "metrics.json", run.metrics)
        write_csv(new / "history.csv", run.history, list(run.history[0]))
        write_csv(new / "layers.csv", run.layers, list(run.layers[0]))
        save_network(new / "network.npz", run.network, saved_with)
        np.save(new / "right.npy", run.right)
        sums = {path.name: checksum(path) for path in sorted(new.iterdir())}
        write_json(new / "config.json", decided_by | {"sha256": sums})


def read_run(folder: Path, decided_by: dict) -> Run:
    """What write_run wrote. Raises InputError if it is another run's or no longer what it was."""
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        sums = described.pop("sha256")
        if described != decided_by:
            raise ValueError("holds another run than its name says")
        changed = [name for name in sums if checksum(folder / name) != sums[name]]
        if changed or len(sums) != 5:
            raise ValueError(f"{', '.join(changed) or 'a file'} is not what the run wrote")
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        network, _ = load_network(folder / "network.npz")
        right = np.load(folder / "right.npy")
        config = Config(**decided_by["config"])
        return Run(config, network, read_history(folder), [], metrics, right)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{folder}: damaged ({error})") from error


def read_history(folder: Path) -> list[dict]:
    """The rows of history.csv, numbers as numbers; NaN where nothing was measured."""
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = [
            {name: float(text or "nan") for name, text in row.items()}
            for row in csv.DictReader(file)
        ]
    return [row | {"epoch": int(row["epoch"])} for row in rows]


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_csv(path: Path, rows: list[dict], columns: list[str]) -> None:
    """Write these columns of the rows, numbers in full precision, NaN as an empty cell."""
    with replacing(path) as whole, open(whole, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({n: "" if v != v else v for n, v in row.items()})  # only NaN is not v
