"""The data: a Kaggle CSV or the MNIST in this repo, checked before anything trains on it.

Whatever the source, what comes out is uint8 images (N, 28, 28), 0 = background and 255 = ink, and
integer labels (N,) 0-9. A fault in a file raises InputError with the file, the line and the column.
"""

import csv
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from src.files import InputError, read_npz

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED = ROOT / "data" / "mnist.npz"
PIXELS = 784
MAX_BYTES = 2**31  # of an unpacked CSV: about a million digits, twenty times Kaggle's train.csv
HEAD_BYTES = 2**16  # a line of 785 numbers has at most 3,139 bytes, a header about 7,000


@dataclass(frozen=True)
class Data:
    """Labelled digits: what a run trains on and, if there is one, the test set it ends with."""

    source: str
    images: np.ndarray  # (N, 28, 28) uint8
    labels: np.ndarray  # (N,) integers 0-9
    test_images: np.ndarray  # (M, 28, 28) uint8; M = 0 if there is no test set
    test_labels: np.ndarray  # (M,)

    @cached_property
    def fingerprint(self) -> str:
        """A short name for exactly these training digits, the same wherever they came from."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(self.labels.astype(np.uint8).tobytes())
        return digest.hexdigest()[:16]


def load_data(path: str | Path | None = None) -> Data:
    """Read `path`, else train.csv in the project root if it is there, else the embedded MNIST."""
    if path is None:
        kaggle = ROOT / "train.csv"
        path = kaggle if kaggle.exists() else EMBEDDED
    path = Path(path)
    none = np.empty((0, 28, 28), np.uint8), np.empty(0, int)
    if path.suffix == ".npz":
        arrays = read_npz(path, ["x_train", "y_train"])
        training = check_arrays(path, arrays, "x_train", "y_train")
        test = check_arrays(path, arrays, "x_test", "y_test") if "x_test" in arrays else none
    else:
        images, labels = read_csv(path)
        if labels is None:
            raise InputError(
                f"{path}: has no label column, so it cannot be trained on. "
                "Is it Kaggle's test.csv? Training needs train.csv"
            )
        training, test = (images, labels), none
    if len(np.unique(training[1])) < 2:
        raise InputError(f"{path}: every label is {training[1][0]}; give at least two digits")
    return Data(str(path), *training, *test)


def split(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle rows 0..count-1; the first `fraction` of them validate, the others train.

    Returns (training rows, validation rows). Raises InputError if one would be empty.
    """
    validation = round(count * fraction)
    if validation >= count or (fraction > 0 and validation == 0):
        raise InputError(
            f"{count} digits cannot be split with validation_fraction={fraction}: "
            "each side needs at least one; give more digits or another fraction"
        )
    rows = np.random.default_rng(seed).permutation(count)
    return rows[validation:], rows[:validation]


def check_arrays(
    path: Path, arrays: dict[str, np.ndarray], images_key: str, labels_key: str
) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of an .npz file, after checking what the network relies on."""
    if labels_key not in arrays:
        raise InputError(f"{path}: has {images_key!r} but no {labels_key!r}")
    images, labels = arrays[images_key], arrays[labels_key]
    if images.dtype != np.uint8 or images.shape[1:] not in ((28, 28), (PIXELS,)):
        raise InputError(
            f"{path}: {images_key} is {images.dtype} {images.shape}, not uint8 (N, 28, 28)"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{path}: {labels_key} is {labels.dtype} {labels.shape}, not integers ({len(images)},)"
        )
    if len(labels) == 0:
        raise InputError(f"{path}: {images_key} holds no images")
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        raise InputError(f"{path}: {labels_key}[{wrong[0]}] is {labels[wrong[0]]}, not 0-9")
    if images.max() <= 1:
        raise InputError(
            f"{path}: no pixel of {images_key} exceeds 1; pixels are expected as 0-255"
        )
    return images.reshape(-1, 28, 28), labels.astype(int)


# ---------------------------------------------------------------------------------------- CSV


@dataclass(frozen=True)
class Layout:
    """How a CSV is laid out, as its first lines tell."""

    delimiter: str
    encoding: str
    names: list[str]  # one a column, as in the header or as it would have been
    header_lines: int  # lines before the first row of numbers, blank ones included
    label: int | None  # the label's column
    pixels: list[int]  # the columns of pixel 0, 1, ... 783


def read_csv(path: str | Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Digits from a CSV, gzipped or zipped or neither: images (N, 28, 28), and labels (N,) or None.

    Takes Kaggle's `label,pixel0,...,pixel783`, the same without label, the header style
    `label,1x1,...,28x28`, and no header at all (label first). Columns named pixelN are put in order
    by name. pandas reads straight into uint8, refusing what does not fit; only a file with a fault
    in it is read a second time, slowly, to say where.
    """
    import pandas as pd  # here, because importing it takes longer than loading the embedded data

    path = Path(path)
    layout = read_layout(path)
    try:
        with open_csv(path) as file:
            frame = pd.read_csv(
                file,
                header=None,
                skiprows=layout.header_lines,
                dtype=np.uint8,
                sep=layout.delimiter,
                encoding=layout.encoding,
            )
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged or cut short ({error}); fetch it again") from error
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: does not fit into memory") from error
    except Exception as error:  # pandas says what, in many types; we say where
        explain_fault(path, layout)
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error
    if frame.shape[1] != len(layout.names):
        explain_fault(path, layout)
    cells = frame.to_numpy()
    images = np.ascontiguousarray(cells[:, layout.pixels]).reshape(-1, 28, 28)
    labels = None if layout.label is None else cells[:, layout.label].astype(int)
    if labels is not None and labels.max() > 9:
        explain_fault(path, layout)
    if images.max() <= 1:
        raise InputError(f"{path}: no pixel exceeds 1; pixels are expected as 0-255")
    return images, labels


class LimitedFile(io.RawIOBase):
    """A binary file that refuses to yield more than MAX_BYTES, for what unpacks without end."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path, self.total = file, path, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        block = self.file.read(len(buffer))
        self.total += len(block)
        if self.total > MAX_BYTES:
            raise InputError(f"{self.path}: holds more than {MAX_BYTES:,} bytes; give fewer rows")
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self.file.close()
        super().close()


def open_csv(path: Path) -> BinaryIO:
    """The bytes of a CSV, unpacked if it is a gzip or a zip with one CSV in it."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a .csv, .csv.gz, .zip or .npz file")
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
        if magic == b"PK\x03\x04":
            archive = zipfile.ZipFile(path)
            names = [
                name
                for name in archive.namelist()
                if name.lower().endswith(".csv") and not name.startswith("__MACOSX")
            ]
            if len(names) != 1:
                found = ", ".join(names) or "none"
                raise InputError(f"{path}: needs to hold one CSV, holds {found}; unpack it first")
            opened = archive.open(names[0])
        elif magic[:2] == b"\x1f\x8b":
            opened = gzip.open(path)  # type: ignore[assignment]  # noqa: SIM115
        else:
            opened = open(path, "rb")  # type: ignore[assignment]  # noqa: SIM115
    except PermissionError as error:
        raise InputError(f"{path}: cannot be read; check its permissions") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: not a sound zip file ({error}); fetch it again") from error
    return io.BufferedReader(LimitedFile(opened, path), 2**20)  # type: ignore[arg-type, type-var]


def read_layout(path: Path) -> Layout:
    """Look at the first lines of a CSV and tell its encoding, delimiter and columns."""
    try:
        with open_csv(path) as file:
            head = file.read(HEAD_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged or cut short ({error}); fetch it again") from error
    utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if utf16 else "utf-8-sig"
    text = head.decode(encoding, errors="replace")
    if not text.strip():
        raise InputError(f"{path}: is empty")
    if "\0" in text or "\ufffd" in text:
        raise InputError(f"{path}: is not a text file; a CSV is expected")
    if text.lstrip().startswith("<"):
        raise InputError(f"{path}: is a web page, not a CSV; was it saved without logging in?")
    if len(head) == HEAD_BYTES and "\n" not in text.strip():
        raise InputError(f"{path}: its first line is longer than {HEAD_BYTES:,} bytes; not a CSV")
    lines = text.splitlines()
    first = next(index for index, line in enumerate(lines) if line.strip())
    delimiter = max(",;\t", key=lines[first].count)
    names = [name.strip().strip('"') for name in lines[first].split(delimiter)]
    if all(re.fullmatch(r"[-+.\deE]+", name) or not name for name in names):
        standard = [f"pixel{number}" for number in range(PIXELS)]
        if len(names) not in (PIXELS, PIXELS + 1):
            raise InputError(
                f"{path}: line {first + 1} has {len(names)} columns; "
                "expected 785 (label and 784 pixels), or 784 without labels"
            )
        names = ["label", *standard][-len(names) :]
        header_lines = first
    else:
        header_lines = first + 1
    if not any(line.strip() for line in lines[header_lines:]):
        raise InputError(f"{path}: has a header but no rows")
    label, pixels = place_columns(path, names)
    return Layout(delimiter, encoding, names, header_lines, label, pixels)


def place_columns(path: Path, names: list[str]) -> tuple[int | None, list[int]]:
    """Where the label and each of the 784 pixels stand, by the names of a header."""
    by_coordinates = any(re.fullmatch(r"\d+x\d+", name) for name in names)
    if by_coordinates:
        wanted = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
    else:
        wanted = [f"pixel{number}" for number in range(PIXELS)]
    places = {name: place for place, name in enumerate(names)}
    if len(places) < len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path}: column {doubled!r} stands there twice")
    unknown = [name for name in names if name not in wanted and name != "label"]
    if unknown:
        raise InputError(
            f"{path}: column {unknown[0]!r} is not known; "
            f"expected label,{wanted[0]},...,{wanted[-1]}"
        )
    missing = [name for name in wanted if name not in places]
    if missing:
        raise InputError(
            f"{path}: column {missing[0]!r} is missing ({len(wanted) - len(missing)} of 784 pixel "
            "columns are there)"
        )
    return places.get("label"), [places[name] for name in wanted]


def numbered_rows(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of every row that is not blank."""
    with (
        open_csv(path) as file,
        io.TextIOWrapper(file, layout.encoding, "replace", newline="") as text,
    ):
        reader = csv.reader(text, delimiter=layout.delimiter)
        for cells in reader:
            if reader.line_num > layout.header_lines and cells:
                yield reader.line_num, cells


def explain_fault(path: Path, layout: Layout) -> None:
    """Find the first cell that does not belong into the file and raise InputError for it."""
    pixels, labels = set(map(str, range(256))), set(map(str, range(10)))
    for line, cells in numbered_rows(path, layout):
        if len(cells) != len(layout.names):
            raise InputError(
                f"{path}: line {line} has {len(cells)} columns, not {len(layout.names)}; "
                "was the file cut off or edited?"
            )
        if layout.label is not None and cells[layout.label].strip() not in labels:
            raise InputError(
                f"{path}: line {line}, label: {cells[layout.label]!r} is not a digit 0-9"
            )
        if pixels.issuperset(cells):
            continue
        for place in layout.pixels:
            if cells[place].strip() not in pixels:
                found = repr(cells[place][:20]) if cells[place].strip() else "an empty cell"
                raise InputError(
                    f"{path}: line {line}, column {layout.names[place]}: {found} is not a pixel; "
                    "pixels are expected as whole numbers 0-255"
                )
