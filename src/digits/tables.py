"""Digits from the text of a CSV such as Kaggle's train.csv, every cell of it checked.

pandas reads; only a file with a fault in it is read a second time, slowly, to say where.
"""

import functools
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.common.errors import InputError
from src.digits.checks import note

PIXELS = 784
HEAD_BYTES = 2**16  # where the first line has to end; a header has about 7,000 bytes
CHUNK = 2000  # rows that are read at once; all at once need 1.3 times as long, and 400 MB
NUMBER = re.compile(r' *("?)[-+.0-9eE ]*\1 *')  # what a cell may look like
LABEL = ("label", "labels", "class", "target", "digit")
INDEX = ("", "unnamed: 0", "index", "id", "imageid")  # a first column that counts the rows
STYLES = [
    [f"pixel{number}" for number in range(PIXELS)],  # Kaggle's Digit Recognizer
    [f"pixel{number + 1}" for number in range(PIXELS)],  # Fashion-MNIST, OpenML
    [f"{row + 1}x{column + 1}" for row in range(28) for column in range(28)],
    [str(number) for number in range(PIXELS)],  # what pandas writes if no names are given
    [str(number + 1) for number in range(PIXELS)],
]
COUNTED = [str(number) for number in range(PIXELS + 1)]  # names that pandas gave label and pixels
LABEL_FIRST = "without a header the label has to come first: move it there, or add a header"


class Table(NamedTuple):
    """The rows of a CSV as text, and how to read them."""

    rows: bytes
    line: int  # number of the first row's line in the file
    delimiter: str | None  # None: spaces
    extra: int  # columns before the others that only count the rows: 0 or 1
    names: list[str]  # of the other columns; without a header, those of Kaggle
    has_names: bool


def read_csv(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (N, 28, 28) uint8 and labels (N,), or None, from the text of a CSV.

    Takes a header in one of the STYLES, the label first or last, or none (label first). Columns are
    put in order by name. Raises InputError with line and column of the first fault.
    """
    try:
        table = split_header(content)
        if table.extra:
            note(path, "column 1 only counts the rows; left out")
        label, pixels = place_columns(table)
        try:
            cells = parse(table)
            if label is not None and cells[:, label].max() > 9:
                raise ValueError("holds labels above 9")
        except Exception as error:  # pandas says what, in many types; we say where
            explain_fault(table)
            raise InputError(" ".join(str(error).split())) from error
        images = cells.take(pixels, axis=1).reshape(-1, 28, 28)
        labels = None if label is None else cells[:, label].astype(int)
        if labels is not None and not table.has_names:
            check_position(labels, images[:, -1, -1])
        return images, labels
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def split_header(content: bytes) -> Table:
    """Find the delimiter, the names of the columns, and where the rows begin."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    rows = content.lstrip(b"\n ")
    if rows[:4].lower() == b"sep=":  # Excel's way to name the delimiter
        rows = rows[rows.find(b"\n") + 1 :]
    head, _, below = rows.partition(b"\n")
    first = head[:HEAD_BYTES].decode(errors="replace").strip()
    if not first:
        raise InputError("is empty")
    if "\0" in first or len(head) >= HEAD_BYTES:
        raise InputError("is not a text file with rows of numbers; a CSV is expected")
    if first.startswith("<"):
        raise InputError("is a web page, not a CSV; was it saved without logging in?")
    mark = max(",;\t", key=first.count)
    delimiter = mark if mark in first else None  # np.savetxt separates by spaces
    names = [name.strip(' "').lower() for name in first.split(delimiter)]
    numbers = sum(bool(NUMBER.fullmatch(name)) for name in names)
    is_header = numbers <= len(names) / 2 or len(set(names) & set(COUNTED)) > PIXELS / 2
    rows = below if is_header else rows
    line = content.count(b"\n", 0, len(content) - len(rows)) + 1
    if not rows[:HEAD_BYTES].strip():
        raise InputError("has a header but no rows")
    if not is_header and len(names) not in (PIXELS, PIXELS + 1):
        expected = "785 (label and 784 pixels), or 784 without labels"
        raise InputError(f"line {line} has {len(names)} columns; expected {expected}")
    has_names = is_header and names != COUNTED
    if not has_names:
        names = ["label", *STYLES[0]][-len(names) :]
    extra = int(names[0] in INDEX)
    names = ["label" if name in LABEL else name for name in names[extra:]]
    return Table(rows, line, delimiter, extra, names, has_names)


def place_columns(table: Table) -> tuple[int | None, list[int]]:
    """Where the label and the 784 pixels stand, by the names of a header."""
    names = table.names
    wanted = max(STYLES, key=lambda style: len(set(style) & set(names)))
    for place, name in enumerate(names):
        if name not in ("label", *wanted) or name in names[:place]:
            what = f"is not known; expected label,{wanted[0]},...,{wanted[-1]}"
            what = "appears twice" if name in names[:place] else what
            raise InputError(f"column {place + table.extra + 1}, {name[:20]!r}, {what}")
    missing = [name for name in wanted if name not in names]
    if missing:
        there = f"{PIXELS - len(missing)} of {PIXELS} pixel columns are there"
        raise InputError(f"column {missing[0]!r} is missing ({there})")
    label = names.index("label") if "label" in names else None
    return label, [names.index(name) for name in wanted]


def parse(table: Table) -> np.ndarray:
    """The cells (N, columns) as uint8. Raises whatever pandas does, or ValueError.

    Every number is seen as it stands in the file before it becomes a uint8: asked for uint8, pandas
    2, and pandas 3 with pyarrow, turn 256 into 0 without a word.
    """
    import pandas as pd  # here, because importing it takes longer than loading the embedded data

    if b"\0" in table.rows:
        raise ValueError("holds more than text")
    text, separator, parts = io.BytesIO(table.rows), table.delimiter or r"\s+", []
    for frame in pd.read_csv(text, sep=separator, header=None, low_memory=False, chunksize=CHUNK):
        cells = frame.iloc[:, table.extra :].to_numpy()
        if cells.dtype.kind not in "iuf" or cells.shape[1] != len(table.names):
            raise ValueError("holds more than numbers, or more columns than names")
        if not (cells.min() >= 0 and cells.max() <= 255):  # or NaN
            raise ValueError("holds numbers that are not 0-255")
        parts.append(cells.astype(np.uint8, order="C"))
        if cells.dtype.kind == "f" and (parts[-1] != cells).any():
            raise ValueError("holds fractions")
    return np.concatenate(parts)


def check_position(labels: np.ndarray, last: np.ndarray) -> None:
    """Without names, the first column (N,) could be an index, and the `last` one (N,) the labels.

    Raises InputError if so. A first column that is pixel 0 is blank, as the last pixel should be.
    """
    like_labels = (last > 0) & (last < 10)
    mostly = np.bincount(labels).max() > 0.95 * len(labels)
    if len(labels) > 2 and (np.diff(labels) == 1).all():
        what = ", ".join(map(str, labels[:3]))
        raise InputError(f"the first column counts {what}, ...; {LABEL_FIRST}")
    if like_labels.mean() > 0.5 or (mostly and like_labels.any() and last.max() < 10):
        raise InputError(f"the last column looks like the label; {LABEL_FIRST}")


def explain_fault(table: Table) -> None:
    """Find the first cell that does not belong in the file and raise InputError for it."""
    width = table.extra + len(table.names)
    lines = table.rows.decode(errors="replace").split("\n")
    for number, line in enumerate(lines, table.line):
        cells = line.split(table.delimiter)
        if line.strip() and len(cells) != width:
            what = f"has {len(cells)} columns, not {width}; was the file cut off or edited?"
            raise InputError(f"line {number} {what}")
        for cell, name in zip(cells[table.extra :], table.names):
            what, limit = ("labels", 9) if name == "label" else ("pixels", 255)
            if line.strip() and not is_whole(cell, limit):
                what = f"found {cell[:20]!r}; {what} are expected as whole numbers 0-{limit}"
                if cell.strip().lower() == name:
                    what += "; is this a second header?"
                elif name == "label" and not table.has_names:
                    what += f"; {LABEL_FIRST}"
                raise InputError(f"line {number}, column {name}: {what}")


@functools.lru_cache(4096)
def is_whole(cell: str, highest: int) -> bool:
    """Whether a cell says a whole number from 0 to `highest`, be it written 7, 007 or 7.0."""
    try:
        return bool(NUMBER.fullmatch(cell)) and float(cell.strip(' "')) in range(highest + 1)
    except ValueError:
        return False
