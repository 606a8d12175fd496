"""Every mistake in a table ends in one line that says what, where and what to do."""

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.digits import formats
from src.digits.checks import EMBEDDED
from src.digits.data import load_data
from tests.sample_csv import PIXEL_NAMES, assert_refused, csv_text

with np.load(EMBEDDED) as file:
    IMAGES, LABELS = file["x_test"][:8].reshape(8, 784), file["y_test"][:8]
TABLE = [["label", *PIXEL_NAMES], *np.c_[LABELS, IMAGES].astype(str).tolist()]
GOOD = csv_text(TABLE)
LINES = GOOD.splitlines(keepends=True)


def cell(line: int, column: int, value: str, table: list[list[str]] = TABLE) -> str:
    """The table with one cell changed; line 1 is the header, column 0 the label."""
    table = [list(row) for row in table]
    table[line - 1][column] = value
    return csv_text(table)


def line(number: int, text: str) -> str:
    """The table with one line changed."""
    return "".join([*LINES[: number - 1], text, *LINES[number:]])


def columns(change: Callable[[list[str]], list[str]], table: list[list[str]] = TABLE) -> str:
    """The table with every row changed in the same way, the header too."""
    return csv_text([change(row) for row in table])


def pixels(values: np.ndarray) -> str:
    """The table with other pixels (8, 784)."""
    return csv_text([TABLE[0], *np.c_[LABELS, values].astype(str).tolist()])


def packed(*names: str, content: str = "") -> bytes:
    """A zip with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


def encrypted() -> bytes:
    """A zip that says that its member is encrypted."""
    content = bytearray(packed("train.csv"))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


FAULTS: dict[str, tuple[str | bytes, str]] = {
    # what is no table, or has no rows
    "empty": ("", "has no rows"),
    "only a header": (LINES[0], "nothing but a header"),
    "one row": (LINES[0] + LINES[1], "every label is 7"),
    "web page": ("\n<!DOCTYPE html>\n<html></html>", "column 1, '<!doctype' | expected label,"),
    "another table": ("name,age\nBob,5\n", "column 1, 'name', is unknown | expected label,pixel0"),
    "one endless line": ("0," * 100_000, "has 32769 numbered columns"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "is unknown | label,pixel0"),
    "bytes": (bytes(range(256)) * 9, "is unknown | label,pixel0"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), "is unknown | label,pixel0"),
    "UTF-16 cut short": (GOOD.encode("utf-16")[:-1], "damaged or cut short"),
    # columns
    "no label": (columns(lambda row: row[1:]), "no labels | test.csv"),
    "only an index": ("id\n1\n2\n", "has 0 numbered columns; expected 784 pixels"),
    "783 pixels": (columns(lambda row: row[:-1]), "has 783 numbered columns"),
    "783 pixels, no header": (
        columns(lambda row: row[1:-1], TABLE[1:]),
        "has 783 numbered columns",
    ),
    "785 pixels, no header": (
        columns(lambda row: [*row, "0"], TABLE[1:]),
        "has 786 numbered columns",
    ),
    "a gap": (cell(1, 10, "pixel784"), "expected 784 pixels without a gap"),
    "column doubled": (columns(lambda row: row[:5] + row[4:]), "column 6, 'pixel3'"),
    "label doubled": (cell(1, 10, "Class"), "column 11, 'class'"),
    "column renamed": (cell(1, 10, "pixel nine"), "column 11, 'pixel nine'"),
    "index last": (columns(lambda row: [*row, "id"]), "column 786, 'id'"),
    "index first, no header": (
        csv_text([[str(n), *row[1:]] for n, row in enumerate(TABLE[1:])]),
        "the first column counts 0, 1, 2, ...; without a header the label has to come first",
    ),
    # rows
    "one delimiter changed": (line(6, LINES[5].replace(",", ";", 1)), "line 6 has 784 columns"),
    "decimal commas": (cell(4, 100, "3,5").replace(",", ";"), "line 4 has 786 columns"),
    "cut off": (GOOD[:-600], "line 9 has | columns, not 785; was the file cut off"),
    "a row too long": (line(6, "0," + LINES[5]), "line 6 has 786 columns, not 785"),
    "two rows in a line": (line(3, LINES[2].strip() + "," + LINES[3]), "line 3 has 1570 columns"),
    "the header again": (GOOD + LINES[0], "line 10, column label: found 'label'"),
    # cells
    "text, no header": (cell(1, 100, "abc", TABLE[1:]), "line 1, column 101: found 'abc'"),
    "NUL": (cell(5, 7, "5\0"), "line 5, column pixel6"),
    "an open quote": (cell(4, 100, '"5'), "line 4, column pixel99"),
    "after blank lines": (
        "\n" + LINES[0] + "\n \n" + line(1, "")[:-2] + "7e9",
        "line 12 | pixel783",
    ),
    "70,000 blank lines": ("\n" * 70_000 + cell(3, 2, "x"), "line 70003, column pixel1"),
    "CRLF": (cell(4, 100, "x").replace("\n", "\r\n"), "line 4, column pixel99"),
    "CR": (cell(4, 100, "x").replace("\n", "\r"), "line 4, column pixel99"),
    "semicolons": (cell(4, 100, "x").replace(",", ";"), "line 4, column pixel99"),
    "UTF-16": (cell(4, 100, "x").encode("utf-16"), "line 4, column pixel99"),
    "gzip": (gzip.compress(cell(4, 100, "x").encode()), "line 4, column pixel99"),
    # values
    "pixels 0-1": (pixels((IMAGES / 255).round(4)), "line 2, column | found '0. | number 0-255"),
    "pixels 0 or 1": (pixels(IMAGES // 255), "no pixel exceeds 1; pixels are expected as 0-255"),
    "pixels 0-16": (pixels(IMAGES // 16), "no pixel exceeds 15; | Multiply them by 17"),
    "a column of true": (GOOD.replace(",0\n", ",true\n"), "line 2 | found 'true'"),
    # packed, and other formats
    "gzip cut short": (gzip.compress(GOOD.encode())[:-40], "damaged or cut short"),
    "gzip of nothing": (gzip.compress(b""), "has no rows"),
    "several CSVs": (packed("a.csv", "test.csv"), "one CSV or a train.csv, holds a.csv, test.csv"),
    "zip cut short": (packed("train.csv", content=GOOD)[:-30], "damaged or cut short"),
    "zip, encrypted": (encrypted(), "encrypted"),
    "Parquet": (b"PAR1 ...", "is Parquet | pandas.read_parquet('train.csv') | to_csv"),
    "Excel": (packed("xl/workbook.xml", "a.csv"), "is Excel | read_excel('train.csv')"),
    "MATLAB": (b"MATLAB 5.0 MAT-file", "MATLAB | loadmat('train.csv')"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "is HDF5 | h5py.File('train.csv')"),
    "pickle": (gzip.compress(b"\x80\x04\x95"), "a pickle | read_pickle('train.csv')"),
    "ARFF": ("% mnist\n@RELATION digits\n", "ARFF | loadarff('train.csv')"),
    "IDX of labels": (b"\0\0\x08\x01\0\0\0\x02\5\0", "is uint8 (2,), not uint8 (N, 28, 28)"),
    "IDX cut short": (b"\0\0\x08\3\0\0\0\x02", "damaged or cut short"),
}
ODD = "abc True NaN inf 1e400 1_0 ٣ 0x10 -1 256 300 3.5 4294967296 18446744073709551616"
for odd in [*ODD.split(), "", "  ", "1 2"]:
    what = f"line 4, column pixel99: found {odd!r}; a pixel is expected, a whole number 0-255"
    FAULTS[f"pixel {odd!r}"] = (cell(4, 100, odd), what)
for odd in ("10", "-1", "3.5", "seven", ""):
    what = f"line 6, column label: found {odd!r}; the label is expected, a whole number 0-9"
    FAULTS[f"label {odd!r}"] = (cell(6, 0, odd), what)
for corner, what in {
    "0": "the last column looks like the label",
    "3": "the last column looks like the label; without a header the label has to come first",
    "200": "line 8, column 1: found '200'; the label is expected",
}.items():  # pixel 0 of one digit, in the place of its label
    table = [[corner if n == 7 else row[1], *row[2:], row[0]] for n, row in enumerate(TABLE[1:])]
    FAULTS[f"label last, no header, a corner of {corner}"] = (csv_text(table), what)


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_csv(fault: str, tmp_path: Path) -> None:
    content, words = FAULTS[fault]
    path = tmp_path / "train.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(load_data, path, words)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for name in ("train.csv", "train.npz"):
        assert_refused(load_data, tmp_path / name, "no such file")
        (tmp_path / name).mkdir()
        assert_refused(load_data, tmp_path / name, "or it is a folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
        assert_refused(load_data, tmp_path / "pipe.csv", "or it is a folder, a pipe")


@pytest.mark.parametrize(("name", "words"), [("zeros.csv", "bytes"), ("zeros.npz", "not a sound")])
def test_ten_gigabytes_of_zeros(name: str, words: str, tmp_path: Path) -> None:
    with open(tmp_path / name, "wb") as file:
        file.truncate(10 * 2**30)
    assert_refused(load_data, tmp_path / name, words)


def test_what_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_BYTES", 1_000_000)
    (tmp_path / "train.csv").write_bytes(gzip.compress(GOOD.encode() * 80))
    assert_refused(load_data, tmp_path / "train.csv", "unpacks to more than 1,000,000 bytes")
