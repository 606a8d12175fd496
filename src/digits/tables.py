"""Digits from the text of a CSV such as Kaggle's train.csv, every cell of it checked.

pandas reads; only a file with a fault in it is read a second time, slowly, to say where.
"""

import functools
import io
import re
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.digits.checks import note

PIXELS = 784
HEAD_BYTES = 2**16  # more than a first line has; a header has about 7,000
CHUNK = 5000  # rows that are read at once; all at once need 1.3 times as long, and 400 MB
LABEL = ("label", "labels", "class", "target", "digit")
INDEX = ("", "unnamed: 0", "index", "id", "imageid")  # a first column that counts the rows
NUMBER = re.compile(r' *("?)\+?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?\1 *')


def read_csv(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (N, 28, 28) uint8 and labels (N,) integers 0-9, or None, from the text of a CSV.

    Raises InputError with line and column of the first fault.
    """
    try:
        names, content, start = split_header(content)
        columns = order_columns(names)
        if len(columns) < len(names):
            note(path, "column 1 only counts the rows; left out")
        try:
            cells = parse(content, start, len(names), columns)
        except Exception as error:  # pandas says what, in many types; we say where
            fault = first_fault(content, start, names, columns)
            raise InputError(fault or " ".join(str(error).split())) from error
        if len(columns) > PIXELS and names[columns[0]] not in LABEL:
            check_position(cells[:, 0], cells[:, -1])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    images = np.ascontiguousarray(cells[:, -PIXELS:]).reshape(-1, 28, 28)
    return images, cells[:, 0].astype(int) if len(columns) > PIXELS else None


def split_header(content: bytes) -> tuple[list[str], bytes, int]:
    """The names of the columns, the text with commas and plain newlines, and where its rows begin.

    Without a header the columns are called 1, 2, 3, ...
    """
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = len(content) - len(content.lstrip(b"\n "))
    if content[start : start + 4].lower() == b"sep=":  # Excel's way to name the delimiter
        start = content.find(b"\n", start) + 1
    head = content[start : start + HEAD_BYTES].partition(b"\n")[0]
    first = head.decode(errors="replace").strip()
    delimiter = max(",;\t", key=first.count)
    delimiter = delimiter if delimiter in first else " "  # np.savetxt separates by spaces
    names = [name.strip(' "').lower() for name in first.split(delimiter)]
    if len(set(names)) > len(names) / 2:  # in a row of pixels the same numbers come again
        start += len(head) + 1
    else:
        names = [str(number) for number in range(1, len(names) + 1)]
    if not content[start : start + HEAD_BYTES].strip():
        raise InputError("has no rows, or nothing but a header; a CSV of digits is expected")
    if delimiter != ",":
        content = content.replace(delimiter.encode(), b",")
    return names, content, start


def order_columns(names: list[str]) -> list[int]:
    """Where the label, if there is one, and the 784 pixels stand, in the order of their numbers.

    pixel5 and 5 have the number 5, 2x5 has 28 * 2 + 5. If no name means the label and there is one
    number too many, the first is the label. A first column that counts the rows is left out.
    """
    places: dict[int, int] = {}
    for place, name in enumerate(names):
        if place == 0 and name in INDEX:
            continue
        numbers = [int(digits) for digits in re.findall("[0-9]{1,9}", name)]
        number = -1 if name in LABEL else 28 * sum(numbers[:-1]) + sum(numbers[-1:])
        if number in places or not (numbers or name in LABEL):
            expected = "expected label,pixel0,...,pixel783, or numbers alone"
            raise InputError(
                f"column {place + 1}, {name[:20]!r}, is unknown or a double; {expected}"
            )
        places[number] = place
    pixels = [number for number in sorted(places) if number >= 0]
    fits = PIXELS <= len(pixels) <= len(places) <= PIXELS + 1
    if not fits or pixels[-1] - pixels[0] >= len(pixels):
        expected = f"expected {PIXELS} pixels without a gap, and the label"
        raise InputError(f"has {len(pixels)} numbered columns; {expected}")
    return [places[number] for number in sorted(places)]


def parse(content: bytes, start: int, width: int, columns: list[int]) -> np.ndarray:
    """The cells (N, len(columns)) uint8 of these columns. Raises ValueError, or what pandas does.

    Every number is seen as it stands in the file before it becomes a uint8: asked for uint8, pandas
    2, and pandas 3 with pyarrow, turn 256 into 0 without a word.
    """
    import pandas as pd  # here, because importing it takes longer than loading the embedded data

    if b"\0" in content:  # for pandas 2 a cell ends there
        raise ValueError("holds more than text")
    rows, parts, in_order = io.BytesIO(content), [], columns == list(range(width))
    rows.seek(start)
    for frame in pd.read_csv(rows, header=None, low_memory=False, chunksize=CHUNK):
        numbers = (frame if in_order else frame[columns]).to_numpy()
        with np.errstate(invalid="ignore"):
            cells = numbers.astype(np.uint8)
        whole = numbers.dtype.kind in "iuf" and (cells == numbers).all()
        if frame.shape[1] != width or not whole or cells[:, :-PIXELS].max(initial=0) > 9:
            raise ValueError("holds more than labels, 0-9, and pixels, 0-255")
        parts.append(np.ascontiguousarray(cells))
    return np.concatenate(parts)


def check_position(labels: np.ndarray, last: np.ndarray) -> None:
    """Raise InputError if labels (N,) without a name seem to be an index, or to come `last` (N,).

    The first and the last pixel of a digit are blank.
    """
    what = ""
    if len(labels) > 2 and (np.diff(labels) == 1).all():
        what = f"the first column counts {', '.join(map(str, labels[:3]))}, ..."
    if last.max() < 10 and np.count_nonzero(last) > np.count_nonzero(labels):
        what = "the last column looks like the label"
    if what:
        raise InputError(f"{what}; without a header the label has to come first: move it there")


def first_fault(content: bytes, start: int, names: list[str], columns: list[int]) -> str:
    """Say where the first cell is that does not belong in the file; nothing if all seem to."""
    limits = dict.fromkeys(columns, 9) | dict.fromkeys(columns[-PIXELS:], 255)
    rows = content[start:].decode(errors="replace").split("\n")
    for line, row in enumerate(rows, content.count(b"\n", 0, start) + 1):
        cells = row.split(",")
        if row.strip() and len(cells) != len(names):
            what = f"{len(cells)} columns, not {len(names)}; was the file cut off or edited?"
            return f"line {line} has {what}"
        for column, limit in limits.items() if row.strip() else ():
            if not is_whole(cells[column], limit):
                kind = "a pixel" if limit > 9 else "the label"
                what = f"found {cells[column][:20]!r}; {kind} is expected, a whole number 0-{limit}"
                return f"line {line}, column {names[column]}: {what}"
    return ""


@functools.lru_cache(4096)
def is_whole(cell: str, highest: int) -> bool:
    """Whether a cell says a whole number from 0 to `highest`, be it written 7, 007 or 7.0."""
    return bool(NUMBER.fullmatch(cell)) and float(cell.strip(' "')) in range(highest + 1)
