"""Everything a user can hand over by mistake ends in one line that says what, where and what to do.

The tables are lists of mistakes: a name, how to make the file, and what the line has to say.
"""

import gzip
import io
import json
import math
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.common.files import read_npz
from src.digits.data import Data, load_data
from src.model import NeuralNetwork
from src.reading.saved import load_network, save_network
from src.runs.config import Config
from tests.sample_csv import csv_text, digit_table

ROOT = Path(__file__).resolve().parent.parent
ROWS = 8


def assert_refused(call: Callable[[], object], path: Path, *pieces: str) -> None:
    """The call raises InputError with one line that has all the pieces, and leaves nothing."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    for piece in (str(path), *pieces):
        assert piece in message
    assert sorted(path.parent.rglob("*")) == before


# ------------------------------------------------------------------------------------ CSV

Table = list[list[str]]


def cell(line: int, column: int, value: str) -> Callable[[Table], str]:
    """A table with one cell changed; line 1 is the header, column 0 the label."""

    def change(table: Table) -> str:
        table[line - 1][column] = value
        return csv_text(table)

    return change


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Table], str]:
    """A table whose lines are changed."""
    return lambda table: "\n".join(change(csv_text(table).splitlines())) + "\n"


def line(number: int, change: Callable[[str], str]) -> Callable[[Table], str]:
    """A table with one line changed."""
    return lines(lambda rows: [change(r) if n == number else r for n, r in enumerate(rows, 1)])


def columns(change: Callable[[list[str]], list[str]]) -> Callable[[Table], str]:
    """A table whose every row is changed in the same way, the header too."""
    return lambda table: csv_text([change(row) for row in table])


def packed(**members: str) -> Callable[[Table], bytes]:
    """A zip with these members."""

    def pack(table: Table) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in members.items():
                archive.writestr(name.replace("_", "."), text)
        return buffer.getvalue()

    return pack


def bomb(table: Table) -> bytes:
    """Ten megabytes of gzip that unpack to ten gigabytes of zeros."""
    return gzip.compress((",".join(["0"] * 785) + "\n").encode() * 40_000) * 170


def encrypted(table: Table) -> bytes:
    """A zip that says that its member is encrypted."""
    content = bytearray(packed(train_csv="5,0\n")(table))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def pixels(change: Callable[[int], object]) -> Callable[[Table], str]:
    """A table each of whose pixels is changed."""

    def row(cells: list[str]) -> list[str]:
        return [cells[0], *(str(change(int(cell))) for cell in cells[1:])]

    return lambda t: csv_text([t[0], *map(row, t[1:])])


CSV_FAULTS: dict[str, tuple[Callable[[Table], str | bytes], str]] = {
    "empty": (lambda t: "", "is empty"),
    "only blank lines": (lambda t: "\n \n\n", "is empty"),
    "only a header": (lambda t: csv_text(t[:1]), "header but no rows"),
    "header and blank lines": (lambda t: csv_text(t[:1]) + "\n \n", "header but no rows"),
    "no label column": (columns(lambda row: row[1:]), "no label column | test.csv"),
    "no label column, no header": (
        lambda t: columns(lambda row: row[1:])(t[1:]),
        "no label column",
    ),
    "783 pixel columns": (columns(lambda row: row[:-1]), "'pixel783' is missing | 783 of 784"),
    "783 pixels, no header": (lambda t: csv_text([row[1:-1] for row in t[1:]]), "line 1 | 783"),
    "785 pixels, no header": (lambda t: columns(lambda row: [*row, "0"])(t[1:]), "line 1 | 786"),
    "column doubled": (columns(lambda row: row[:5] + row[4:]), "column 6 | 'pixel3' | twice"),
    "column renamed": (cell(1, 10, "pixel nine"), "column 11 | 'pixel nine' | not known"),
    "index column last": (columns(lambda row: [*row, "id"]), "column 786 | 'id' | not known"),
    "mixed header styles": (cell(1, 1, "1x1"), "column 2 | '1x1' | not known"),
    "another table": (lambda t: "name,age\nBob,5\n", "column 1 | 'name' | not known"),
    "one column of prose": (lambda t: "Hello there.\nBye.\n", "'hello' | not known"),
    "text, no header": (lambda t: cell(1, 100, "abc")(t[1:]), "line 1 | pixel99 | 'abc'"),
    "a column of true": (
        lines(lambda rows: rows[:1] + [r[:-1] + "true" for r in rows[1:]]),
        "true'",
    ),
    "NUL in a cell": (cell(5, 7, "5\0"), "line 5"),
    "pixels 0-1": (pixels(lambda pixel: round(pixel / 255, 4)), "line 2 | '0. | numbers 0-255"),
    "pixels 0 or 1": (pixels(lambda pixel: int(pixel > 0)), "pixels are expected as 0-255"),
    "after blank lines": (
        lines(lambda r: ["", r[0], "", " ", *r[1:4], r[4] + "7e9"]),
        "line 8 | pixel783",
    ),
    "fault, CRLF": (lambda t: cell(4, 100, "x")(t).replace("\n", "\r\n"), "line 4 | pixel99"),
    "fault, CR": (lambda t: cell(4, 100, "x")(t).replace("\n", "\r"), "line 4 | pixel99"),
    "fault, semicolons": (lambda t: cell(4, 100, "x")(t).replace(",", ";"), "line 4 | pixel99"),
    "decimal commas": (lambda t: cell(4, 100, "3,5")(t).replace(",", ";"), "line 4 | 786 columns"),
    "fault, UTF-16": (lambda t: cell(4, 100, "x")(t).encode("utf-16"), "line 4 | pixel99"),
    "UTF-16 without its mark": (lambda t: csv_text(t).encode("utf-16-le"), "not a text file"),
    "UTF-16 cut short": (lambda t: csv_text(t).encode("utf-16")[:-1], "damaged or cut short"),
    "one delimiter changed": (
        line(6, lambda row: row.replace(",", ";", 1)),
        "line 6 | 784 columns",
    ),
    "cut off": (lambda t: csv_text(t)[:-600], "line 9 | columns, not 785 | cut off"),
    "a row too long": (line(6, lambda row: row + ",0"), "line 6 | 786 columns, not 785"),
    "a comma at the end of every row": (
        lines(lambda rows: [rows[0], *(row + "," for row in rows[1:])]),
        "line 2 | 786 columns, not 785",
    ),
    "a row twice in a line": (line(3, lambda row: f"{row},{row}"), "line 3 | 1570 columns"),
    "the header again": (lines(lambda rows: [*rows, rows[0]]), "line 10 | label | second header"),
    "a quote that never closes": (cell(4, 100, '"5'), "line 4 | pixel99"),
    "web page": (lambda t: "\n<!DOCTYPE html>\n<html><title>Sign in</title></html>", "web page"),
    "one endless line": (lambda t: "0," * 100_000, "not a text file with rows"),
    "a picture": (lambda t: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "not known"),
    "bytes": (lambda t: bytes(range(256)) * 9, "not a text file"),
    "gzip cut short": (lambda t: gzip.compress(csv_text(t).encode())[:-40], "damaged or cut short"),
    "gzip of nothing": (lambda t: gzip.compress(b""), "is empty"),
    "gzip, fault": (lambda t: gzip.compress(cell(4, 9, "x")(t).encode()), "line 4 | pixel8"),
    "gzip bomb": (bomb, "unpacks to more than 1,073,741,824 bytes"),
    "zip with several CSVs": (
        packed(a_csv="1", test_csv="2", sample_csv="3"),
        "one CSV or a train.csv | a.csv, test.csv, sample.csv",
    ),
    "zip without a CSV": (packed(readme_txt="1"), "holds none"),
    "zip of nothing": (packed(), "holds none"),
    "zip with an empty CSV": (packed(train_csv=""), "is empty"),
    "zip cut short": (lambda t: packed(train_csv=csv_text(t))(t)[:-30], "damaged or cut short"),
    "zip, encrypted": (encrypted, "encrypted"),
    "index first, no header": (
        lambda t: csv_text([[str(n), *row[1:]] for n, row in enumerate(t[1:])]),
        "first column counts 0, 1, 2, ... | without a header",
    ),
    "pixels 0-16": (
        pixels(lambda pixel: pixel // 16),
        "no pixel exceeds 15 | 0-255 | Multiply them by 17",
    ),
    "70,000 blank lines": (lambda t: "\n" * 70_000 + cell(3, 2, "x")(t), "line 70003 | pixel1"),
    "Parquet": (lambda t: b"PAR1 ...", "Parquet | read_parquet('train.csv') | to_csv"),
    "Excel": (packed(**{"xl/workbook_xml": "", "a_csv": ""}), "Excel | read_excel('train.csv')"),
    "MATLAB": (lambda t: b"MATLAB 5.0 MAT-file", "MATLAB | loadmat('train.csv')"),
    "pickle": (lambda t: b"\x80\x04\x95", "a pickle | read_pickle('train.csv')"),
    "pickle, gzipped": (lambda t: gzip.compress(b"\x80\x04"), "a pickle"),
    "ARFF": (lambda t: "% mnist\n@RELATION digits\n", "ARFF | loadarff('train.csv')"),
    "IDX of labels": (lambda t: b"\0\0\x08\x01\0\0\0\x02\5\0", "is uint8 (2,), not uint8"),
    "IDX cut short": (lambda t: b"\0\0\x08\3\0\0\0\x02", "damaged or cut short"),
    "one row": (lambda t: csv_text(t[:2]), "every label is 5"),
}
ODD = "abc True NaN inf 1e400 1_0 ٣ 0x10 -1 256 300 3.5 4294967296 18446744073709551616"
for odd in ODD.split():
    CSV_FAULTS[f"pixel {odd}"] = (cell(4, 100, odd), f"line 4 | pixel99 | '{odd}' | 0-255")
for odd in ("", "  ", "1 2"):
    CSV_FAULTS[f"pixel {odd!r}"] = (cell(9, 784, odd), f"line 9 | pixel783 | {odd!r}")
for odd in ("10", "-1", "3.5", "seven", ""):
    CSV_FAULTS[f"label {odd!r}"] = (cell(6, 0, odd), f"line 6 | label | {odd!r} | 0-9")
for corner in ("0", "3", "200"):  # pixel 0 of one digit, in the place of its label
    CSV_FAULTS[f"label last, no header, a corner of {corner}"] = (
        lambda t, corner=corner: csv_text(
            [[corner if n == 7 else row[1], *row[2:], row[0]] for n, row in enumerate(t[1:])]
        ),
        "without a header the label has to come first",
    )


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_faulty_csv(fault: str, digits: Data, tmp_path: Path) -> None:
    make, pieces = CSV_FAULTS[fault]
    content = make(digit_table(digits, ROWS))
    path = tmp_path / "train.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(lambda: load_data(path), path, *pieces.split(" | "))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for name in ("train.csv", "train.npz"):
        path = tmp_path / name
        assert_refused(partial(load_data, path), path, "no such file")
        path.mkdir()
        assert_refused(partial(load_data, path), path, "is not a file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(path.with_suffix(".pipe"))
        assert_refused(partial(load_data, path.with_suffix(".pipe")), path.parent, "is not a file")


@pytest.mark.parametrize("name", ["zeros.csv", "zeros.npz"])
def test_ten_gigabytes_of_zeros(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with open(path, "wb") as file:
        file.truncate(10 * 2**30)
    assert_refused(lambda: load_data(path), path, "bytes" if name == "zeros.csv" else "not a sound")


# ------------------------------------------------------------------------------- npz data


def header_only(shape: str) -> bytes:
    """An .npy whose header promises more than there is."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npz_with(name: str, content: bytes) -> Callable[[dict], bytes]:
    """An .npz one of whose members has this content."""

    def make(arrays: dict) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{key: array for key, array in arrays.items() if f"{key}.npy" != name})
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(name, content)
        return buffer.getvalue()

    return make


def arrays_with(**changes: object) -> Callable[[dict], bytes]:
    """An .npz with some arrays changed, or left out where the change is None."""

    def make(arrays: dict) -> bytes:
        buffer = io.BytesIO()
        arrays = {**arrays, **{k: v(arrays[k]) if callable(v) else v for k, v in changes.items()}}
        np.savez(buffer, **{key: value for key, value in arrays.items() if value is not None})
        return buffer.getvalue()

    return make


def whole(arrays: dict) -> bytes:
    return arrays_with()(arrays)


NPZ_FAULTS: dict[str, tuple[Callable[[dict], bytes], str]] = {
    "empty file": (lambda arrays: b"", "not a sound .npz"),
    "not a zip": (lambda arrays: b"label,pixel0\n", "not a sound .npz"),
    "truncated": (lambda arrays: whole(arrays)[:-100], "not a sound .npz"),
    "a byte changed": (lambda arrays: whole(arrays).replace(b"\xfe", b"\x01", 1), "not a sound"),
    "x_train is no array": (npz_with("x_train.npy", b"hello"), "x_train is |S5 ()"),
    "no x_train": (arrays_with(x_train=None), "no array 'x_train' | 'y_train'"),
    "no y_train": (arrays_with(y_train=None), "no array 'y_train'"),
    "no x_test": (arrays_with(x_test=None), "no array 'x_test'"),
    "no y_test": (arrays_with(y_test=None), "no array 'y_test'"),
    "images of one row": (arrays_with(x_train=lambda x: x[0]), "x_train | (28, 28)"),
    "images of 27 columns": (arrays_with(x_train=lambda x: x[:, :, 1:]), "x_train | 28, 27)"),
    "images as float32": (arrays_with(x_train=lambda x: x.astype("f4")), "x_train | float32"),
    "images as int64": (arrays_with(x_test=lambda x: x.astype(int)), "x_test | int64"),
    "images 0 or 1": (arrays_with(x_train=lambda x: x.clip(0, 1)), "exceeds 1; | 0-255"),
    "images as a number": (arrays_with(x_train=5), "x_train | ()"),
    "objects": (arrays_with(x_train=lambda x: x.astype(object)), "not a sound .npz"),
    "object labels": (arrays_with(y_test=lambda y: y.astype(object)), "not a sound .npz"),
    "records": (arrays_with(y_train=lambda y: y.astype([("label", int)])), "y_train"),
    "more labels than images": (arrays_with(y_train=lambda y: [*y, 1]), "y_train | (9,)"),
    "one-hot labels": (arrays_with(y_train=lambda y: np.eye(10)[y]), "y_train | (8, 10)"),
    "labels as float": (arrays_with(y_train=lambda y: y / 1), "y_train | float64"),
    "labels as bool": (arrays_with(y_train=lambda y: y > 3), "y_train | bool"),
    "labels as text": (arrays_with(y_train=lambda y: y.astype(str)), "y_train | <U"),
    "labels as durations": (arrays_with(y_train=lambda y: y.astype("m8[s]")), "timedelta"),
    "label 10": (arrays_with(y_train=lambda y: [*y[:3], 10, *y[4:]]), "y_train[3] is 10"),
    "label -1": (arrays_with(y_test=lambda y: [*y[:2], -1, *y[3:]]), "y_test[2] is -1"),
    "label 2**63": (arrays_with(y_train=lambda y: np.array([*y[:7], 2**63], "u8")), "y_train[7]"),
    "no images": (arrays_with(x_train=lambda x: x[:0], y_train=lambda y: y[:0]), "no images"),
    "one class": (arrays_with(y_train=lambda y: y * 0), "every label is 0"),
    "fewer than it says": (npz_with("x_train.npy", header_only("(8, 28, 28)")), "not a sound"),
    "a terabyte": (npz_with("x_train.npy", header_only("(1400000000, 28, 28)")), "not a sound"),
    "overflow": (npz_with("x_train.npy", header_only(f"({2**62}, {2**62}, 28)")), "not a sound"),
}


@pytest.mark.parametrize("fault", NPZ_FAULTS)
def test_faulty_npz(fault: str, digits: Data, tmp_path: Path) -> None:
    make, pieces = NPZ_FAULTS[fault]
    path = tmp_path / "digits.npz"
    arrays = {"x_train": digits.images[:ROWS], "y_train": digits.labels[:ROWS]}
    arrays |= {"x_test": digits.test_images[:ROWS], "y_test": digits.test_labels[:ROWS]}
    path.write_bytes(make(arrays))
    assert_refused(lambda: load_data(path), path, *pieces.split(" | "))


def test_an_npz_that_unpacks_to_too_much(tmp_path: Path) -> None:
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x_train=np.zeros((2000, 784), np.uint8))
    assert_refused(lambda: read_npz(path, ["x_train"], limit=1_000_000), path, "1,000,000 bytes")


# ---------------------------------------------------------------------------- model files


def header_with(**changes: object) -> Callable[[dict], bytes]:
    """A model file whose header is changed, or lacks the fields that are None."""

    def make(arrays: dict) -> bytes:
        header = {**json.loads(str(arrays["header"])), **changes}
        header = {key: value for key, value in header.items() if value is not None}
        return arrays_with(header=np.array(json.dumps(header)))(arrays)

    return make


def with_parameter(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(parameters: np.ndarray) -> np.ndarray:
        parameters = parameters.copy()
        parameters[17] = value
        return parameters

    return change


MODEL_FAULTS: dict[str, tuple[Callable[[dict], bytes], str]] = {
    "empty file": (lambda arrays: b"", "not a sound .npz"),
    "truncated": (lambda arrays: whole(arrays)[:-50], "not a sound .npz"),
    "the data": (arrays_with(header=None, parameters=None, x_train=1), "no array 'header'"),
    "no parameters": (arrays_with(parameters=None), "no array 'parameters'"),
    "header is no JSON": (arrays_with(header=np.array("hello")), "not a network"),
    "header is a list": (arrays_with(header=np.array("[1]")), "not a network"),
    "header is nested deeply": (arrays_with(header=np.array("[" * 100_000)), "not a network"),
    "another version": (header_with(version=99), "version is 99"),
    "no version": (header_with(version=None), "'version'"),
    "no layer sizes": (header_with(layer_sizes=None), "'layer_sizes'"),
    "layer sizes that do not fit": (header_with(layer_sizes=[5, 4, 4]), "[5, 4, 4]"),
    "fractional layer sizes": (header_with(layer_sizes=[5.5, 4, 3.0]), "not a network"),
    "layer sizes as text": (header_with(layer_sizes="5,4,3"), "not a network"),
    "layer sizes as a number": (header_with(layer_sizes=5), "not a network"),
    "negative layer sizes": (header_with(layer_sizes=[-4, 0, 39]), "not a network"),
    "infinite layer sizes": (header_with(layer_sizes=[math.inf, 10]), "not a network"),
    "no layers": (
        lambda arrays: header_with(layer_sizes=[])({**arrays, "parameters": np.zeros(0, "f4")}),
        "not a network",
    ),
    "unknown activation": (header_with(activation="step"), "'step'"),
    "activation as a list": (header_with(activation=["relu"]), "not a network"),
    "metadata as text": (header_with(metadata="abc"), "not a network"),
    "NaN weight": (arrays_with(parameters=with_parameter(np.nan)), "finite"),
    "infinite weight": (arrays_with(parameters=with_parameter(np.inf)), "finite"),
    "integer weights": (arrays_with(parameters=lambda p: p.astype(int)), "int64"),
    "half-precision weights": (arrays_with(parameters=lambda p: p.astype("f2")), "float16"),
    "complex weights": (arrays_with(parameters=lambda p: p + 0j), "complex64"),
    "object weights": (arrays_with(parameters=lambda p: p.astype(object)), "not a sound .npz"),
    "weights in two dimensions": (arrays_with(parameters=lambda p: p[None]), "(1, 39)"),
    "too few weights": (arrays_with(parameters=lambda p: p[1:]), "parameters | (38,)"),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_faulty_model_file(fault: str, tmp_path: Path) -> None:
    make, pieces = MODEL_FAULTS[fault]
    path = tmp_path / "network.npz"
    save_network(path, NeuralNetwork([5, 4, 3]))
    with np.load(path) as file:
        path.write_bytes(make(dict(file)))
    assert_refused(lambda: load_network(path), path, *pieces.split(" | "))


# ------------------------------------------------------------------------ hyperparameters

# tests/test_config.py has the faults of every field; these are stranger
CONFIG_FAULTS: list[tuple[str, object, str]] = [
    ("seed", 10**400, "whole number from 0 to 4,294,967,295"),
    ("learning_rate", 10**400, "number from 1e-09 to 1,000"),
    ("activation", {}, "choose one of"),
    ("activation", np.array(["relu", "tanh"]), "choose one of"),
    ("hidden", ((3, 4),), "whole numbers from 1 to 10,000"),
    ("hidden", [10_000] * 3, "more than 100,000,000 parameters"),
]


@pytest.mark.parametrize(("name", "value", "piece"), CONFIG_FAULTS)
def test_faulty_hyperparameter(name: str, value: object, piece: str) -> None:
    with pytest.raises(InputError) as caught:
        Config(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{name} = ")
    assert piece in str(caught.value)


def test_numbers_of_numpy_become_plain_ones() -> None:
    given = {"hidden": np.array([3, 4]), "seed": np.int64(5), "dropout": np.float32(0.5)}
    config = Config(**given)  # type: ignore[arg-type]
    assert config == Config(hidden=(3, 4), seed=5, dropout=0.5)
    assert type(config.seed) is int and type(config.dropout) is float
    assert json.dumps([config.hidden, config.seed, config.dropout]) == "[[3, 4], 5, 0.5]"


# ----------------------------------------------------------------------- the whole script


def a_file(path: Path) -> None:
    path.write_text("in the way")


SCRIPT_FAULTS: dict[str, tuple[list[str], list[str]]] = {
    "text for a number": (["--epochs", "x"], ["--epochs", "'x'"]),
    "zero epochs": (["--epochs", "0"], ["epochs = 0", "1 to 100,000"]),
    "NaN": (["--learning-rate", "nan"], ["learning_rate = nan"]),
    "nothing to be patient with": (
        ["--data", "good.csv", "--patience", "2", "--validation-fraction", "0"],
        ["--patience needs validation images"],
    ),
    "less than no patience": (["--patience", "-3"], ["--patience: -3", "from 0 to 100,000"]),
    "nothing to test": (["--data", "good.csv", "--test"], ["--test: good.csv has no test set"]),
    "no units": (["--hidden", "0"], ["hidden = (0,)"]),
    "unknown flag": (["--epoch-count", "3"], ["--epoch-count"]),
    "unknown recipe": (["--recipe", "soup"], ["--recipe", "'soup'", "plain"]),
    "no such file": (["--data", "nowhere.csv"], ["nowhere.csv", "no such file"]),
    "a folder": (["--data", "."], [".: is not a file"]),
    "a fault in a cell": (["--data", "fault.csv"], ["fault.csv", "line 4", "pixel99"]),
    "too few rows": (["--data", "few.csv"], ["4 digits cannot be split", "validation_fraction"]),
    "a file in place of results": (["--data", "good.csv", "--results", "good.csv"], ["good.csv"]),
}


@pytest.mark.parametrize("fault", SCRIPT_FAULTS)
def test_a_script_ends_in_one_line_and_status_2(fault: str, digits: Data, tmp_path: Path) -> None:
    arguments, pieces = SCRIPT_FAULTS[fault]
    table = digit_table(digits, 40)
    (tmp_path / "good.csv").write_text(csv_text(table))
    (tmp_path / "few.csv").write_text(csv_text(table[:5]))
    (tmp_path / "fault.csv").write_text(cell(4, 100, "300")(table))
    before = sorted(tmp_path.rglob("*"))
    if "--results" not in arguments:
        arguments = [*arguments, "--results", "results"]
    ended = subprocess.run(
        [sys.executable, ROOT / "train.py", "--recipe", "plain", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    *notes, error = ended.stderr.splitlines()
    assert all(line.startswith("note: ") for line in notes)  # of what was read before
    assert error.startswith("error: ")
    for piece in pieces:
        assert piece in error
    left = set(tmp_path.rglob("*")) - set(before)
    assert not [path for path in left if path.is_file() and path.suffix != ".lock"]
