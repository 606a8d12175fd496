"""Tables of digits in the formats that they are handed around in, read as images and labels.

The content decides, not the name: a CSV may be packed, and IDX is the format of MNIST's own files.
"""

import bz2
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.common.files import read_npz
from src.digits.checks import EMBEDDED, checked
from src.digits.tables import read_csv

MAX_BYTES = 2**30  # of an unpacked file: half a million digits, over ten times Kaggle's train.csv
IDX, NPY = b"\0\0\x08", b"\x93NUMPY"  # how these files begin
PACKED: dict[bytes, Callable] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
TABLES = ".csv .tsv .txt .gz .zip .bz2 .xz .npz .npy -ubyte"
FRAMES = ".parquet .xlsx .mat .h5 .pkl .pickle .arff"  # are refused with advice
X_AND_Y = "pandas.DataFrame(numpy.array(x['X'])).assign(label=numpy.ravel(x['y']))"
# How a file begins -> what it is, the Python that reads it as x, and that makes a frame of x.
FOREIGN = {
    b"PAR1": ("Parquet", "pandas.read_parquet({!r})", "x"),
    b"xl/workbook.xml": ("Excel", "pandas.read_excel({!r})", "x"),
    b"MATLAB": ("a MATLAB file", "scipy.io.loadmat({!r})", X_AND_Y),
    b"\x89HDF": ("HDF5", "h5py.File({!r})", X_AND_Y),
    b"\x80": ("a pickle (can it be trusted?)", "pandas.read_pickle({!r})", X_AND_Y),
    b"@relation": ("ARFF", "scipy.io.arff.loadarff({!r})[0]", "pandas.DataFrame(x).astype(float)"),
}

Digits = tuple[np.ndarray, np.ndarray | None]  # images (N, 28, 28) uint8, labels (N,) 0-9


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table, and not a picture."""
    return path.name.lower().endswith(tuple(f"{TABLES} {FRAMES}".split()))


def read_table(path: str | Path, wanted: str = "train") -> Digits:
    """The images (N, 28, 28) uint8 of a table, and its labels (N,) integers 0-9, or None.

    Of a file with two parts `wanted` is "train" or "test". Raises InputError as read_parts does.
    """
    return read_parts(Path(path), wanted)[wanted]


def read_parts(path: Path, wanted: str) -> dict[str, Digits]:
    """Images and labels of the part that is `wanted`, and of "train" and "test" if they are there.

    Takes CSV, IDX, .npy and .npz. Kaggle's zip has train.csv and test.csv, Keras' .npz x_train,
    y_train, x_test and y_test. What is odd about the images is said on standard error. Raises
    InputError with what is wrong and where.
    """
    content = unpack(path, wanted)
    parts = {}
    if isinstance(content, bytes):
        parts[wanted] = read_csv(path, content)
    elif len(content) == 1:
        (images,) = content.values()
        parts[wanted] = check_arrays(path, images, labels_beside(path), "the array", "the labels")
    else:
        for part in ("train", "test"):
            x, y = f"x_{part}", f"y_{part}"
            missing = [name for name in (x, y) if name not in content]
            if missing and (part == wanted or len(missing) == 1):
                found = ", ".join(map(repr, content)) or "nothing"
                raise InputError(f"{path}: has no array {missing[0]!r}, only {found}")
            if not missing:
                parts[part] = check_arrays(path, content[x], content[y], x, y)
    if path == EMBEDDED:
        return parts
    return {part: (checked(path, images), labels) for part, (images, labels) in parts.items()}


def unpack(path: Path, wanted: str) -> bytes | dict[str, np.ndarray]:
    """The arrays of an .npz, .npy or IDX file, or else the text of a CSV in UTF-8, packed or not.

    Raises InputError for a damaged file, one that is too large, and a FOREIGN format.
    """
    if not path.is_file():
        what = "there is no such file, or it is a folder, a pipe or a broken link"
        raise InputError(f"{path}: {what}; give a .csv, .csv.gz, .zip or .npz file")
    if path.suffix.lower() == ".npz":
        return read_npz(path, [])
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; give fewer rows")
    content = path.read_bytes()
    try:
        for mark, opened in PACKED.items():
            if content.startswith(mark):
                content = opened(io.BytesIO(content)).read(MAX_BYTES + 1)
        if content.startswith(b"PK"):
            content = member(path, zipfile.ZipFile(io.BytesIO(content)), wanted)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes; give fewer rows")
        refuse_foreign(path, content[:4096])
        if content.startswith(NPY):
            return {"array": np.load(io.BytesIO(content), allow_pickle=False)}
        if content.startswith(IDX):
            sizes = np.frombuffer(content, ">u4", content[3], 4)
            return {"array": np.frombuffer(content[4 + sizes.nbytes :], np.uint8).reshape(sizes)}
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return content.decode("utf-16").encode() if utf16 else content.removeprefix(b"\xef\xbb\xbf")
    except InputError:
        raise
    except Exception as error:  # damaged bytes make gzip, zipfile and NumPy fail in a dozen ways
        what = f"cannot be read ({error}); is it damaged or cut short?"
        raise InputError(f"{path}: {what}") from error


def member(path: Path, archive: zipfile.ZipFile, wanted: str) -> bytes:
    """The CSV in a zip: the only one, or train.csv or test.csv. An Excel file is a zip, too."""
    names = archive.namelist()
    if "xl/workbook.xml" in names:
        return b"xl/workbook.xml"
    names = [n for n in names if n.lower().endswith(".csv") and not n.startswith("__MACOSX")]
    if len(names) > 1:
        names = [name for name in names if Path(name).name.lower() == f"{wanted}.csv"] or names
    if len(names) != 1:
        found = ", ".join(names[:5]) or "none"
        raise InputError(f"{path}: should hold one CSV or a {wanted}.csv, holds {found}")
    return archive.open(names[0]).read(MAX_BYTES + 1)


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raise InputError if a file begins as one of the FOREIGN formats does."""
    head = b"@relation" if b"@relation" in head.lower() else head  # comments come before it
    for mark, (name, read, frame) in FOREIGN.items():
        if head.startswith(mark):
            modules = "numpy, pandas, " + read.partition("(")[0].rpartition(".")[0]
            code = f"import {modules}; x = {read.format(path.name)}; "
            code += f"frame = {frame}; frame.to_csv('digits.csv', index=False)"
            raise InputError(f"{path}: is {name}; make a CSV of it, in Python: {code}")


def labels_beside(path: Path) -> np.ndarray | None:
    """The labels of a file of images, from the one beside it: y_train.npy for x_train.npy."""
    name = re.sub("images|imgs", "labels", path.name).replace("idx3", "idx1")
    name = re.sub(r"\b[xX]_", "y_", name).removesuffix(".gz")
    for other in (path.with_name(name), path.with_name(f"{name}.gz")):
        if other != path and other.is_file():
            content = unpack(other, "labels")
            arrays = {"text": np.array(content)} if isinstance(content, bytes) else content
            return next(iter(arrays.values()), None)
    return None


def check_arrays(
    path: Path, images: np.ndarray, labels: np.ndarray | None, x: str, y: str
) -> Digits:
    """Images and labels, called x and y in errors, if they are what the network relies on."""
    count = len(images) if images.shape[1:] in ((28, 28), (784,)) else 0
    if images.dtype != np.uint8 or count == 0:
        what = f"is {images.dtype} {images.shape}, not uint8 (N, 28, 28) with N > 0"
        raise InputError(f"{path}: {x} {what}")
    if labels is not None:
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            what = f"is {labels.dtype} {labels.shape}, not integers ({count},)"
            raise InputError(f"{path}: {y} {what}")
        wrong = np.flatnonzero((labels < 0) | (labels > 9))
        if len(wrong):
            raise InputError(f"{path}: {y}[{wrong[0]}] is {labels[wrong[0]]}, not 0-9")
        labels = labels.astype(int)
    return images.reshape(-1, 28, 28), labels
