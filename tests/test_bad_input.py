"""Faulty .npz files, saved networks, hyperparameters and commands: one line says what is wrong.

Faulty tables are in test_bad_csv.py.
"""

import io
import json
import math
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import train
from src.common.errors import InputError
from src.common.files import read_npz
from src.common.script import run_script
from src.digits.data import Data, load_data
from src.model import NeuralNetwork
from src.reading.saved import load_network, save_network
from src.runs.config import Config
from tests.sample_csv import assert_refused, csv_text, digit_table

Arrays = dict[str, np.ndarray]
Change = Callable[[Arrays], bytes]


def as_npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def arrays_with(**changes: object) -> Change:
    """An .npz with some arrays changed, or left out where the change is None."""

    def make(arrays: Arrays) -> bytes:
        arrays = {**arrays, **{k: v(arrays[k]) if callable(v) else v for k, v in changes.items()}}
        return as_npz({name: array for name, array in arrays.items() if array is not None})

    return make


def x_train_is(content: bytes) -> Change:
    """An .npz whose member x_train.npy has this content."""

    def make(arrays: Arrays) -> bytes:
        buffer = io.BytesIO(as_npz({name: arrays[name] for name in arrays if name != "x_train"}))
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("x_train.npy", content)
        return buffer.getvalue()

    return make


def header_only(shape: str) -> bytes:
    """An .npy whose header promises more than there is."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


NPZ_FAULTS: dict[str, tuple[Change, str]] = {
    "empty file": (lambda arrays: b"", "not a sound .npz"),
    "truncated": (lambda arrays: as_npz(arrays)[:-100], "not a sound .npz"),
    "a byte changed": (lambda arrays: as_npz(arrays).replace(b"\xfe", b"\1", 1), "not a sound"),
    "x_train is no array": (x_train_is(b"hello"), "x_train is |S5 ()"),
    "fewer than it says": (x_train_is(header_only("(8, 28, 28)")), "not a sound .npz"),
    "a terabyte": (x_train_is(header_only("(1400000000, 28, 28)")), "not a sound .npz"),
    "no x_train": (arrays_with(x_train=None), "no array 'x_train', only ['y_train', 'x_test'"),
    "no y_train": (arrays_with(y_train=None), "has no labels"),
    "images of 27 columns": (arrays_with(x_train=lambda x: x[:, :, 1:]), "x_train is uint8 (8, 28"),
    "images as float32": (arrays_with(x_train=lambda x: x.astype("f4")), "x_train is float32"),
    "images 0 or 1": (arrays_with(x_train=lambda x: x.clip(0, 1)), "no pixel exceeds 1; | 0-255"),
    "images as a number": (arrays_with(x_train=5), "x_train is int64 ()"),
    "images as objects": (arrays_with(x_train=lambda x: x.astype(object)), "not a sound .npz"),
    "no images": (arrays_with(x_train=lambda x: x[:0]), "x_train is uint8 (0, 28, 28), not"),
    "more labels than images": (arrays_with(y_train=lambda y: [*y, 1]), "y_train is int64 (9,)"),
    "one-hot labels": (arrays_with(y_train=lambda y: np.eye(10)[y]), "y_train is float64 (8, 10)"),
    "labels as bool": (arrays_with(y_train=lambda y: y > 3), "y_train is bool"),
    "label 10": (
        arrays_with(y_train=lambda y: [*y[:3], 10, *y[4:]]),
        "row 4 (train) has the label 10",
    ),
    "label -1": (
        arrays_with(y_test=lambda y: [*y[:2], -1, *y[3:]]),
        "row 3 (test) has the label -1",
    ),
    "one class": (arrays_with(y_train=lambda y: y * 0), "every label is 0"),
}


@pytest.mark.parametrize("fault", NPZ_FAULTS)
def test_faulty_npz(fault: str, digits: Data, tmp_path: Path) -> None:
    make, words = NPZ_FAULTS[fault]
    arrays = {"x_train": digits.images[:8], "y_train": digits.labels[:8]}
    arrays |= {"x_test": digits.test_images[:8], "y_test": digits.test_labels[:8]}
    (tmp_path / "digits.npz").write_bytes(make(arrays))
    assert_refused(load_data, tmp_path / "digits.npz", words)


def test_an_npz_that_unpacks_to_too_much(tmp_path: Path) -> None:
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x_train=np.zeros((2000, 784), np.uint8))
    assert_refused(lambda path: read_npz(path, ["x_train"], limit=10**6), path, "1,000,000 bytes")


# ---------------------------------------------------------------------------- saved networks


def header_with(**changes: object) -> Change:
    """A saved network whose header is changed, or lacks the fields that are None."""

    def make(arrays: Arrays) -> bytes:
        header = {**json.loads(str(arrays["header"])), **changes}
        header = {key: value for key, value in header.items() if value is not None}
        return arrays_with(header=np.array(json.dumps(header)))(arrays)

    return make


MODEL_FAULTS: dict[str, tuple[Change, str]] = {
    "truncated": (lambda arrays: as_npz(arrays)[:-50], "not a sound .npz"),
    "the data": (arrays_with(header=None, x_train=1), "no array 'header'"),
    "no parameters": (arrays_with(parameters=None), "no array 'parameters'"),
    "header is no JSON": (arrays_with(header="hello"), "not a network"),
    "header is nested deeply": (arrays_with(header="[" * 100_000), "not a network"),
    "another version": (header_with(version=99), "version is 99, not | train it again"),
    "no layer sizes": (header_with(layer_sizes=None), "'layer_sizes'"),
    "layer sizes that do not fit": (header_with(layer_sizes=[5, 4, 4]), "for layers [5, 4, 4]"),
    "fractional layer sizes": (header_with(layer_sizes=[5.5, 4, 3.0]), "not a network"),
    "infinite layer sizes": (header_with(layer_sizes=[math.inf, 10]), "not a network"),
    "layer sizes as a number": (header_with(layer_sizes=5), "not a network"),
    "negative layer sizes": (header_with(layer_sizes=[-4, 0, 39]), "not a network"),
    "unknown activation": (header_with(activation="step"), "'step'"),
    "activation as a list": (header_with(activation=["relu"]), "not a network"),
    "metadata as text": (header_with(metadata="abc"), "not a network"),
    "images as text": (arrays_with(trained_on="abc"), "not a network"),
    "NaN weights": (arrays_with(parameters=lambda p: p * np.float32("nan")), "not all | finite"),
    "integer weights": (arrays_with(parameters=lambda p: p.astype(int)), "are int64"),
    "weights in two dimensions": (arrays_with(parameters=lambda p: p[None]), "shape (1, 39)"),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_faulty_saved_network(fault: str, tmp_path: Path) -> None:
    make, words = MODEL_FAULTS[fault]
    path = tmp_path / "network.npz"
    save_network(path, NeuralNetwork([5, 4, 3]))
    with np.load(path) as file:
        arrays = dict(file)
    path.write_bytes(make(arrays))
    assert_refused(load_network, path, words)


# ------------------------------------------------- hyperparameters: test_config.py has the usual


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("learning_rate", 10**400, "number from 1e-09 to 1,000"),
        ("activation", {}, "choose one of"),
        ("hidden", ((3, 4),), "whole number from 1 to 10,000"),
        ("hidden", [10_000] * 3, "more than 100,000,000 parameters"),
    ],
)
def test_strange_hyperparameters(name: str, value: object, words: str) -> None:
    with pytest.raises(InputError, match=f"^{name} = .*{words}"):
        Config(**{name: value})  # type: ignore[arg-type]


def test_numbers_of_numpy_become_plain_ones() -> None:
    given = {"hidden": np.array([3, 4]), "seed": np.int64(5), "dropout": np.float32(0.5)}
    config = Config(**given)  # type: ignore[arg-type]
    assert json.dumps([config.hidden, config.seed, config.dropout]) == "[[3, 4], 5, 0.5]"


# ----------------------------------------------------------------------- the whole script

COMMANDS = {  # arguments of train.py: words of the error
    "--epochs x": "--epochs | 'x'",
    "--epochs 0": "epochs = 0 | 1 to 100,000",
    "--data good.csv --patience 2 --validation-fraction 0": "--patience needs validation images",
    "--patience -3": "--patience: -3 | from 1 to 100,000",
    "--data good.csv --test": "--test: good.csv has no test set",
    "--epoch-count 3": "--epoch-count",
    "--recipe soup": "--recipe | 'soup' | plain",
    "--data nowhere.csv": "nowhere.csv: there is no such file",
    "--data fault.csv": "fault.csv: line 4, column pixel99",
    "--data few.csv": "4 digits cannot be split | validation_fraction",
    "--data good.csv --results good.csv": "good.csv",
}


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_wrong_command_ends_in_one_line_and_status_2(
    arguments: str, digits: Data, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    table = digit_table(digits, 40)
    (tmp_path / "good.csv").write_text(csv_text(table))
    (tmp_path / "few.csv").write_text(csv_text(table[:5]))
    table[3][100] = "300"
    (tmp_path / "fault.csv").write_text(csv_text(table))
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    command = ["train.py", "--recipe", "plain", "--results", "results", *arguments.split()]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        run_script(train.main)
    assert ended.value.code == 2
    *notes, error = capsys.readouterr().err.splitlines()
    assert all(line.startswith("note: ") for line in notes)  # of what was read before
    assert error.startswith("error: ")
    for piece in COMMANDS[arguments].split(" | "):
        assert piece in error
    left = set(tmp_path.rglob("*")) - set(before)
    assert not [path for path in left if path.is_file() and path.suffix != ".lock"]
