"""Every mistake in a table ends in one line that says what, where and what to do."""

import bz2
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
from src.digits.formats import REFUSED, is_table
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


CELL = "; labels are whole numbers 0-9, pixels 0-255"
FAULTS: dict[str, tuple[str | bytes, str]] = {
    # what is no table, or has no rows
    "empty": ("", "has 0 columns, not 784 pixels without a gap, and the label"),
    "only a header": (LINES[0], "has no rows that can be read"),
    "one row": (LINES[0] + LINES[1], "every label is 7"),
    "web page": ("\n<!DOCTYPE html>\n<html></html>", "column 1, '<!doctype' | expected label,"),
    "another table": ("name,age\nBob,5\n", "column 1, 'name', is unknown | expected label,pixel0"),
    "one endless line": ("0," * 100_000, "has 32769 columns"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "is unknown | label,pixel0"),
    "bytes": (bytes(range(256)) * 9, "is unknown | label,pixel0"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), "is unknown | label,pixel0"),
    "UTF-16 cut short": (GOOD.encode("utf-16")[:-1], "damaged or cut short"),
    "Excel's name of the delimiter": ("sep=;\n" + GOOD.replace(",", ";"), "'sep=', is unknown"),
    # columns
    "no label": (columns(lambda row: row[1:]), "no labels | test.csv"),
    "783 pixels": (
        columns(lambda row: row[:-1]),
        "has 784 columns, not 784 pixels without a gap, and the label",
    ),
    "783 pixels, no header": (columns(lambda row: row[1:-1], TABLE[1:]), "has 783 columns"),
    "785 pixels, no header": (columns(lambda row: [*row, "0"], TABLE[1:]), "has 786 columns"),
    "a gap": (cell(1, 10, "pixel784"), "784 pixels without a gap, and the label"),
    "column doubled": (columns(lambda row: row[:5] + row[4:]), "has 786 columns"),
    "label doubled": (cell(1, 10, "Class"), "expected label,pixel0,...,pixel783"),
    "column renamed": (cell(1, 10, "pixel nine"), "column 11, 'pixel nine'"),
    "index last": (columns(lambda row: [*row, "id"]), "column 786, 'id'"),
    "index first, no header": (
        csv_text([[str(n), *row[1:]] for n, row in enumerate(TABLE[1:])]),
        "the first column counts the rows; without a header the label has to come first",
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
    "CRLF": (cell(4, 100, "x").replace("\n", "\r\n"), "line 4, column pixel99"),
    "CR": (cell(4, 100, "x").replace("\n", "\r"), "line 4, column pixel99"),
    "semicolons": (cell(4, 100, "3,5").replace(",", ";").replace("3;5", "3,5"), "found '3,5'"),
    "UTF-16": (cell(4, 100, "x").encode("utf-16"), "line 4, column pixel99"),
    "gzip": (gzip.compress(cell(4, 100, "x").encode()), "line 4, column pixel99"),
    # values
    "pixels 0-1": (pixels((IMAGES / 255).round(4)), f"line 2, column | found '0. | {CELL}"),
    "pixels 0 or 1": (pixels(IMAGES // 255), "no pixel exceeds 1; pixels are expected as 0-255"),
    "pixels 0-16": (pixels(IMAGES // 16), "no pixel exceeds 15; | Multiply them by 17"),
    "a column of true": (GOOD.replace(",0\n", ",true\n"), "line 2 | found 'true'"),
    "label 10": (cell(6, 0, "10"), "row 5 (train) has the label 10, not 0-9"),
    # packed, and other formats
    "gzip cut short": (gzip.compress(GOOD.encode())[:-40], "damaged or cut short"),
    "several CSVs": (packed("a.csv", "test.csv"), "one CSV or a train.csv, holds a.csv, test.csv"),
    "zip cut short": (packed("train.csv", content=GOOD)[:-30], "damaged or cut short"),
    "zip, encrypted": (encrypted(), "encrypted"),
    "bzip2": (bz2.compress(GOOD.encode()), "expected label,pixel0"),
    "IDX of labels": (b"\0\0\x08\x01\0\0\0\x02\5\0", "is uint8 (2,), not uint8 (N, 28, 28)"),
    "IDX cut short": (b"\0\0\x08\3\0\0\0\x02", "damaged or cut short"),
}
ODD = "abc True NaN inf 1e400 1_0 ٣ 0x10 -1 256 300 3.5 4294967296 18446744073709551616"
for odd in [*ODD.split(), "", "  ", "1 2"]:
    FAULTS[f"pixel {odd!r}"] = (cell(4, 100, odd), f"line 4, column pixel99: found {odd!r}" + CELL)
for odd in ("-1", "3.5", "seven", ""):
    FAULTS[f"label {odd!r}"] = (cell(6, 0, odd), f"line 6, column label: found {odd!r}" + CELL)
for corner in ("0", "3", "200"):  # pixel 0 of one digit, in the place of its label
    table = [[corner if n == 7 else row[1], *row[2:], row[0]] for n, row in enumerate(TABLE[1:])]
    what = "the last column looks like the label; without a header the label has to come first"
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


@pytest.mark.parametrize("name", [*(f"digits{kind}" for kind in REFUSED), "Digits.PKL.gz"])
def test_formats_that_are_not_read(name: str, tmp_path: Path) -> None:
    """The line names the format and has the Python that makes a CSV of the file."""
    (tmp_path / name).write_bytes(b"PAR1 ...")
    kind = Path(name.lower().removesuffix(".gz")).suffix
    assert is_table(Path(name))
    assert_refused(
        load_data, tmp_path / name, f"{kind} is not read | in Python: | {name!r} | to_csv"
    )
    compile(REFUSED[kind].format(name), "advice", "exec")


def test_files_that_are_or_unpack_to_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_BYTES", 10_000)
    text, zeros = GOOD.encode(), bytes(10_001)
    for name, content in {"a.csv": text, "b.csv.gz": gzip.compress(text), "c.npz": zeros}.items():
        (tmp_path / name).write_bytes(content)
        assert_refused(load_data, tmp_path / name, "has more than 10,000 bytes, or unpacks to more")
