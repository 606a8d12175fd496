"""Digits from a CSV such as Kaggle's train.csv, with every cell checked.

A fault in a file raises InputError with the file, the line and the column.
"""

import csv
import functools
import gzip
import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.common.errors import InputError

PIXELS = 784
MAX_BYTES = 2**30  # of an unpacked CSV: half a million digits, over ten times Kaggle's train.csv
HEAD_BYTES = 2**16  # where the first line has to end; a header has about 7,000 bytes
BLOCK_BYTES = 2**22  # of text that is read at once: about 2,300 digits
NUMERIC = b"0123456789+-.eE "  # what a cell may consist of
LABEL_FIRST = "without a header the label has to come first: move it there, or add a header"


class Table(NamedTuple):
    """The text of a CSV, and how to read it."""

    text: bytes
    start: int  # of the rows in it
    skipped: int  # lines before them
    delimiter: str
    has_header: bool
    names: list[str]  # of the columns; without a header, those that Kaggle would have given them


def read_csv(path: str | Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Digits from a CSV, gzipped or zipped or neither: images (N, 28, 28), and labels (N,) or None.

    Takes Kaggle's `label,pixel0,...,pixel783`, the same without label, the header style
    `label,1x1,...,28x28`, and no header at all (label first). Columns are put in order by name.
    Only a file with a fault in it is read a second time, slowly, to say where.
    """
    path = Path(path)
    table = split_header(path, unpack(path))
    label, pixels = place_columns(path, table.names)
    try:
        cells = parse(table, label)
    except Exception as error:  # pandas says what, in many types; we say where
        explain_fault(path, table)
        raise InputError(f"{path}: {error}") from error
    images = np.ascontiguousarray(cells[:, pixels]).reshape(-1, 28, 28)
    if images.max() <= 1:
        raise InputError(f"{path}: no pixel exceeds 1; pixels are expected as 0-255")
    if label is None:
        return images, None
    labels = cells[:, label].astype(int)
    commonest = np.bincount(labels).argmax()
    if not table.has_header and len(labels) >= 20 and np.mean(labels == commonest) > 0.95:
        raise InputError(f"{path}: almost every label is {commonest}; {LABEL_FIRST}")
    return images, labels


def parse(table: Table, label: int | None) -> np.ndarray:
    """All cells (N, 785 or 784) as uint8. Raises whatever pandas raises, or ValueError.

    Every number is seen as it stands in the file before it becomes a uint8, because pandas 2 would
    turn 256 into 0. A block at a time stays in the cache; a dtype would cost a quarter of the time.
    """
    import pandas as pd  # here, because importing it takes longer than loading the embedded data

    parts, start = [], table.start
    while start < len(table.text):
        end = table.text.find(b"\n", start + BLOCK_BYTES) + 1 or len(table.text)
        block, start = table.text[start:end], end
        if block.translate(None, NUMERIC + b',;\t\r\n"'):
            raise ValueError("holds more than numbers")
        if block.isspace():
            continue
        frame = pd.read_csv(io.BytesIO(block), sep=table.delimiter, header=None, low_memory=False)
        cells = frame.to_numpy()
        if cells.dtype != np.int64:
            with np.errstate(invalid="ignore"):  # of 1e30
                cells = cells.astype(np.int64)
            if (cells != frame.to_numpy()).any():  # 3.5, or a cell that is empty
                raise ValueError("holds fractions")
        if cells.shape[1] != len(table.names) or cells.min() < 0 or cells.max() > 255:
            raise ValueError("holds more columns or numbers than it should")
        if label is not None and cells[:, label].max() > 9:
            raise ValueError("holds labels above 9")
        parts.append(cells.astype(np.uint8))
    return np.concatenate(parts)


def unpack(path: Path) -> bytes:
    """The text of a CSV as UTF-8, unpacked if it is a gzip or a zip with one CSV in it."""
    if not path.is_file():
        what = "is not a file" if path.exists() else "there is no such file"
        raise InputError(f"{path}: {what}; give a .csv, .csv.gz, .zip or .npz file")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; give fewer rows")
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MAX_BYTES + 1)
        elif content.startswith(b"PK"):
            archive = zipfile.ZipFile(io.BytesIO(content))
            content = archive.open(the_csv(path, archive)).read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes; give fewer rows")
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            content = content.decode("utf-16").encode()
    except InputError:
        raise
    except Exception as error:  # a damaged archive makes gzip and zipfile fail in a dozen ways
        raise InputError(
            f"{path}: cannot be read ({error}); is it damaged or cut short?"
        ) from error
    return content.removeprefix(b"\xef\xbb\xbf")


def the_csv(path: Path, archive: zipfile.ZipFile) -> str:
    """The name of the one CSV in a zip."""
    names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
    names = [name for name in names if not name.startswith("__MACOSX")]
    if len(names) != 1:
        found = ", ".join(names[:5]) or "none"
        raise InputError(f"{path}: should hold one CSV, holds {found}; unpack it first")
    return names[0]


def split_header(path: Path, content: bytes) -> Table:
    """Find the delimiter, whether there is a header, and where the rows begin."""
    lines = content[:HEAD_BYTES].splitlines(keepends=True)
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise InputError(f"{path}: is empty")
    line = lines[first].decode(errors="replace").strip("\r\n ")
    if "\0" in line or len(lines[first]) == HEAD_BYTES:
        raise InputError(f"{path}: is not a text file with rows of numbers; a CSV is expected")
    if line.startswith("<"):
        raise InputError(f"{path}: is a web page, not a CSV; was it saved without logging in?")
    delimiter = max(",;\t", key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    numbers = sum(not name.encode().translate(None, NUMERIC) for name in names)
    has_header = numbers <= len(names) / 2
    if not has_header:
        if len(names) not in (PIXELS, PIXELS + 1):
            raise InputError(
                f"{path}: line {first + 1} has {len(names)} columns; "
                "expected 785 (label and 784 pixels), or 784 without labels"
            )
        names = ["label", *(f"pixel{number}" for number in range(PIXELS))][-len(names) :]
    skipped = first + has_header
    start = sum(map(len, lines[:skipped]))
    if not content[start : start + HEAD_BYTES].strip():
        raise InputError(f"{path}: has a header but no rows")
    return Table(content, start, skipped, delimiter, has_header, names)


def place_columns(path: Path, names: list[str]) -> tuple[int | None, list[int]]:
    """Where the label and the 784 pixels stand, by the names of a header."""
    wanted = [f"pixel{number}" for number in range(PIXELS)]
    if "1x1" in names:
        wanted = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
    known, places = {"label", *wanted}, {}
    for place, name in enumerate(names):
        if name in places or name not in known:
            what = f"is not known; expected label,{wanted[0]},...,{wanted[-1]}"
            what = "appears twice" if name in places else what
            raise InputError(f"{path}: column {place + 1}, {name[:20]!r}, {what}")
        places[name] = place
    missing = [name for name in wanted if name not in places]
    if missing:
        raise InputError(
            f"{path}: column {missing[0]!r} is missing ({PIXELS - len(missing)} of {PIXELS} pixel "
            "columns are there)"
        )
    return places.get("label"), [places[name] for name in wanted]


def explain_fault(path: Path, table: Table) -> None:
    """Find the first cell that does not belong in the file and raise InputError for it."""
    names = table.names
    highest = [9 if name == "label" else 255 for name in names]
    text = io.TextIOWrapper(io.BytesIO(table.text[table.start :]), "utf-8", "replace", newline="")
    reader = csv.reader(text, delimiter=table.delimiter)
    try:
        for cells in reader:
            line = table.skipped + reader.line_num
            if len(cells) < 2 and not "".join(cells).strip():
                continue  # a blank line
            if len(cells) != len(names):
                raise InputError(
                    f"{path}: line {line} has {len(cells)} columns, not {len(names)}; "
                    "was the file cut off or edited?"
                )
            sound = list(map(is_whole, cells, highest))
            if not all(sound):
                place = sound.index(False)
                is_label = names[place] == "label"
                hint = f"; {LABEL_FIRST}" if is_label and not table.has_header else ""
                raise InputError(
                    f"{path}: line {line}, column {names[place]}: found {cells[place][:20]!r}; "
                    f"{'labels' if is_label else 'pixels'} are expected as whole numbers "
                    f"0-{highest[place]}{hint}"
                )
    except csv.Error as error:
        raise InputError(f"{path}: line {table.skipped + reader.line_num}: {error}") from error


@functools.lru_cache(4096)
def is_whole(cell: str, highest: int) -> bool:
    """Whether a cell says a whole number from 0 to `highest`, be it written 7, 007 or 7.0."""
    try:
        return not cell.encode().translate(None, NUMERIC) and float(cell) in range(highest + 1)
    except ValueError:
        return False
