"""Digits from the text of a CSV such as Kaggle's train.csv, every cell of it checked.

pandas reads; only a file with a fault in it is read a second time, slowly, to say where.
"""

import csv
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
NUMERIC = b"0123456789+-.eE "  # what a cell may consist of
INDEX = {
    "",
    "unnamed: 0",
    "index",
    "id",
    "imageid",
}  # names of a first column that only counts the rows
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

    path: Path
    rows: bytes
    line: int  # number of the first row's line in the file
    delimiter: str
    extra: int  # columns before the others that only count the rows: 0 or 1
    names: list[str]  # of the other columns; without a header, those of Kaggle
    has_names: bool


def read_csv(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (N, 28, 28) uint8 and labels (N,), or None, from the text of a CSV.

    Takes a header in one of the STYLES, the label first or last, or none (label first). Columns are
    put in order by name. Raises InputError with line and column of the first fault.
    """
    table = split_header(path, content)
    label, pixels = place_columns(table)
    try:
        images, labels = parse(table, label, pixels)
    except Exception as error:  # pandas says what, in many types; we say where
        explain_fault(table)
        raise InputError(f"{path}: {' '.join(str(error).split())}") from error
    if labels is not None and not table.has_names:
        check_position(path, labels, images[:, -1, -1])
    return images, labels


def split_header(path: Path, content: bytes) -> Table:
    """Find the delimiter, the names of the columns, and where the rows begin."""
    rows = content.lstrip(b"\r\n ")
    line = 1 + len(re.findall(rb"\r\n|\r|\n", content[: len(content) - len(rows)]))
    if rows[:4].lower() == b"sep=":  # Excel's way to name the delimiter
        rows, line = rows[rows.find(b"\n") + 1 :], line + 1
    head = next(iter(rows[:HEAD_BYTES].splitlines(keepends=True)), b"")
    first = head.decode(errors="replace").strip("\r\n ")
    if not first:
        raise InputError(f"{path}: is empty")
    if "\0" in first or len(head) == HEAD_BYTES:
        raise InputError(f"{path}: is not a text file with rows of numbers; a CSV is expected")
    if first.startswith("<"):
        raise InputError(f"{path}: is a web page, not a CSV; was it saved without logging in?")
    delimiter = max(",;\t", key=first.count)
    delimiter = delimiter if delimiter in first else " "  # as np.savetxt does
    cells = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True))
    names = [name.strip() for name in cells]
    numbers = sum(not name.encode().translate(None, NUMERIC) for name in names)
    counting = set(STYLES[3]) <= set(names) or set(STYLES[4]) <= set(names)
    has_names = (counting or numbers <= len(names) / 2) and names != COUNTED
    index = int(has_names and names[0].lower() in INDEX)
    if index:
        note(path, f"column 1, {names[0]!r}, only counts the rows; left out")
    if not has_names:
        if len(names) not in (PIXELS, PIXELS + 1):
            raise InputError(
                f"{path}: line {line} has {len(names)} columns; "
                "expected 785 (label and 784 pixels), or 784 without labels"
            )
        names = ["label", *STYLES[0]][-len(names) :]
    if has_names or counting:
        rows, line = rows[len(head) :], line + 1
        if not rows[:HEAD_BYTES].strip():
            raise InputError(f"{path}: has a header but no rows")
    return Table(path, rows, line, delimiter, index, names[index:], has_names)


def place_columns(table: Table) -> tuple[int | None, list[int]]:
    """Where the label and the 784 pixels stand, by the names of a header."""
    names = ["label" if is_label(name) else name.lower() for name in table.names]
    wanted = max(STYLES, key=lambda style: len(set(style) & set(names)))
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in places or name not in ("label", *wanted):
            what = f"is not known; expected label,{wanted[0]},...,{wanted[-1]}"
            what = "appears twice" if name in places else what
            column = f"column {place + table.extra + 1}, {table.names[place][:20]!r}"
            raise InputError(f"{table.path}: {column}, {what}")
        places[name] = place
    missing = [name for name in wanted if name not in places]
    if missing:
        there = f"{PIXELS - len(missing)} of {PIXELS} pixel columns are there"
        raise InputError(f"{table.path}: column {missing[0]!r} is missing ({there})")
    return places.get("label"), [places[name] for name in wanted]


def is_label(name: str) -> bool:
    return name.lower() in ("label", "labels", "class", "target", "digit")


def parse(
    table: Table, label: int | None, pixels: list[int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels as read_csv returns them. Raises whatever pandas does, or ValueError.

    Every number is seen as it stands in the file before it becomes a uint8: asked for uint8, pandas
    2, and pandas 3 with pyarrow, turn 256 into 0 without a word.
    """
    import pandas as pd  # here, because importing it takes longer than loading the embedded data

    if b"\0" in table.rows:
        raise ValueError("holds more than text")
    form = {"sep": table.delimiter, "skipinitialspace": table.delimiter == " "}
    form |= {"header": None, "low_memory": False, "chunksize": CHUNK}
    images, labels = [], []
    for frame in pd.read_csv(io.BytesIO(table.rows), **form):
        cells = frame.iloc[:, table.extra :].to_numpy()
        if cells.dtype.kind not in "iuf" or cells.shape[1] != len(table.names):
            raise ValueError("holds more than numbers, or more columns than names")
        if not (cells.min() >= 0 and cells.max() <= 255):  # or NaN
            raise ValueError("holds numbers that are not 0-255")
        whole = cells.astype(np.uint8, order="C")
        if cells.dtype.kind == "f" and (whole != cells).any():
            raise ValueError("holds fractions")
        images.append(whole.take(pixels, axis=1))
        if label is not None:
            labels.append(whole[:, label].astype(int))
            if labels[-1].max() > 9:
                raise ValueError("holds labels above 9")
    return np.concatenate(images).reshape(-1, 28, 28), np.concatenate(labels) if labels else None


def check_position(path: Path, labels: np.ndarray, last: np.ndarray) -> None:
    """Without names, the first column (N,) could be an index, and the `last` one (N,) the labels.

    Raises InputError if so. A first column that is pixel 0 is blank, as the last pixel should be.
    """
    like_labels = (last > 0) & (last < 10)
    mostly = np.bincount(labels).max() > 0.95 * len(labels)
    if len(labels) > 2 and (np.diff(labels) == 1).all():
        what = f"the first column counts {labels[0]}, {labels[1]}, {labels[2]}, ..."
    elif like_labels.mean() > 0.5 or (mostly and like_labels.any() and last.max() < 10):
        what = "the last column looks like the label"
    else:
        return
    raise InputError(f"{path}: {what}; {LABEL_FIRST}")


def explain_fault(table: Table) -> None:
    """Find the first cell that does not belong in the file and raise InputError for it."""
    path, width = table.path, table.extra + len(table.names)
    highest = [9 if is_label(name) else 255 for name in table.names]
    text = io.TextIOWrapper(io.BytesIO(table.rows), "utf-8", "replace", newline="")
    spaces = table.delimiter == " "
    reader = csv.reader(text, delimiter=table.delimiter, skipinitialspace=spaces)
    try:
        for cells in reader:
            line = table.line + reader.line_num - 1
            if len(cells) < 2 and not "".join(cells).strip():
                continue  # a blank line
            if len(cells) != width:
                what = f"has {len(cells)} columns, not {width}; was the file cut off or edited?"
                raise InputError(f"{path}: line {line} {what}")
            for cell, name, limit in zip(cells[table.extra :], table.names, highest):
                if not is_whole(cell, limit):
                    hint = f"; {LABEL_FIRST}" if limit == 9 and not table.has_names else ""
                    hint = "; is this a second header?" if cell == name else hint
                    kind = "labels" if limit == 9 else "pixels"
                    raise InputError(
                        f"{path}: line {line}, column {name}: found {cell[:20]!r}; "
                        f"{kind} are expected as whole numbers 0-{limit}{hint}"
                    )
    except csv.Error as error:
        raise InputError(f"{path}: line {table.line + reader.line_num - 1}: {error}") from error


@functools.lru_cache(4096)
def is_whole(cell: str, highest: int) -> bool:
    """Whether a cell says a whole number from 0 to `highest`, be it written 7, 007 or 7.0."""
    try:
        return not cell.encode().translate(None, NUMERIC) and float(cell) in range(highest + 1)
    except ValueError:
        return False
