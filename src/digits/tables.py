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


def read_csv(path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (N, 28, 28) uint8 and labels (N,) uint8, or None, from the text of a CSV.

    Raises InputError with line and column of the first fault. Labels may still exceed 9.
    """
    if b"\r" in content:  # Windows ends lines with \r\n, old Macs did with \r
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    names, delimiter, skip = read_header(content)
    columns = order_columns(names)
    if len(columns) < len(names):
        note(path, "column 1 only counts the rows; left out")
    try:
        cells = parse(content, delimiter, skip, len(names), columns)
    except Exception as error:  # pandas says what, in many types; we say where
        fault = first_fault(content, delimiter, skip, names, columns)
        raise InputError(fault or f"has no rows that can be read ({error})") from error
    images = np.ascontiguousarray(cells[:, -PIXELS:]).reshape(-1, 28, 28)
    labels = cells[:, 0] if len(columns) > PIXELS else None
    if labels is not None and names[columns[0]] not in LABEL:
        check_position(labels, images[:, -1, -1])
    return images, labels


def read_header(content: bytes) -> tuple[list[str], str, int]:
    """The names of the columns, the delimiter, and how many lines come before the rows.

    Without a header the columns are called 1, 2, 3, ...
    """
    lines = content[:HEAD_BYTES].splitlines() or [b""]
    skip = next((number for number, line in enumerate(lines) if line.strip()), 0)  # blank lines
    first = lines[skip].decode(errors="replace").strip(" ")
    delimiter = next((mark for mark in ";\t," if mark in first), " ")
    names = [name.strip(' "').lower() for name in first.split(delimiter)]
    if len(set(names)) > len(names) / 2:  # in a row of pixels the same numbers come again
        return names, delimiter, skip + 1
    return [str(number) for number in range(1, len(names) + 1)], delimiter, skip


def order_columns(names: list[str]) -> list[int]:
    """Where the label, if there is one, and the 784 pixels stand, in the order of their numbers.

    pixel5 and 5 have the number 5, 2x5 has 28 * 2 + 5. If no name means the label and there is one
    number too many, the first is the label. A first column that counts the rows is left out.
    """
    expected = "expected label,pixel0,...,pixel783, or numbers alone"
    numbers: dict[int, int] = {}  # place of a column -> number of its pixel, or -2 for the label
    for place, name in enumerate(names):
        found = [int(digits) for digits in re.findall("[0-9]{1,9}", name)]
        if found or name in LABEL:
            numbers[place] = -2 if name in LABEL else 28 * sum(found[:-1]) + found[-1]
        elif place > 0 or name not in INDEX:
            raise InputError(f"column {place + 1}, {name[:20]!r}, is unknown; {expected}")
    columns = sorted(numbers, key=numbers.__getitem__)
    pixels = [numbers[place] for place in columns[-PIXELS:]]
    if len(columns) - PIXELS not in (0, 1) or (np.diff(pixels) != 1).any():
        what = f"{len(columns)} columns, not {PIXELS} pixels without a gap, and the label"
        raise InputError(f"has {what}; {expected}")
    return columns


def parse(content: bytes, delimiter: str, skip: int, width: int, columns: list[int]) -> np.ndarray:
    """The cells (N, len(columns)) uint8 of these columns. Raises ValueError, or what pandas does.

    Every number is seen as it stands in the file before it becomes a uint8: asked for uint8, pandas
    2, and pandas 3 with pyarrow, turn 256 into 0 without a word.
    """
    import pandas as pd  # here, because importing it takes longer than loading the embedded data

    if b"\0" in content:  # for pandas 2 a cell ends there
        raise ValueError("a NUL")
    rows, parts = io.BytesIO(content), []
    for _ in range(skip):  # the option skiprows slows pandas down
        rows.readline()
    for frame in pd.read_csv(rows, sep=delimiter, header=None, low_memory=False, chunksize=CHUNK):
        numbers = (frame if columns == list(frame) else frame[columns]).to_numpy()
        with np.errstate(invalid="ignore"):
            cells = numbers.astype(np.uint8)
        if frame.shape[1] != width or numbers.dtype.kind not in "iuf" or (cells != numbers).any():
            raise ValueError("more than whole numbers 0-255")
        parts.append(np.ascontiguousarray(cells))
    return np.concatenate(parts)


def check_position(labels: np.ndarray, last: np.ndarray) -> None:
    """Raise InputError if labels (N,) without a name seem to be an index, or to come `last` (N,).

    The first and the last pixel of a digit are blank.
    """
    is_index = len(labels) > 2 and (np.diff(labels) == 1).all()
    is_last = last.max() < 10 and np.count_nonzero(last) > np.count_nonzero(labels)
    if is_index or is_last:
        what = "last column looks like the label" if is_last else "first column counts the rows"
        raise InputError(f"the {what}; without a header the label has to come first: move it there")


def first_fault(
    content: bytes, delimiter: str, skip: int, names: list[str], columns: list[int]
) -> str:
    """Say where the first cell is that does not belong in the file; nothing if all seem to."""
    for number, line in enumerate(content.splitlines()[skip:], skip + 1):
        cells = line.decode(errors="replace").split(delimiter)
        if line.strip() and len(cells) != len(names):
            what = f"{len(cells)} columns, not {len(names)}; was the file cut off or edited?"
            return f"line {number} has {what}"
        for column in columns if line.strip() else ():
            if not is_whole(cells[column]):
                found = f"found {cells[column][:20]!r}; labels are whole numbers 0-9, pixels 0-255"
                return f"line {number}, column {names[column]}: {found}"
    return ""


@functools.lru_cache(4096)
def is_whole(cell: str) -> bool:
    """Whether a cell says a whole number from 0 to 255, be it written 7, 007 or 7.0."""
    number = re.fullmatch(r' *("?)\+?([0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?)\1 *', cell)
    return number is not None and float(number[2]) in range(256)
