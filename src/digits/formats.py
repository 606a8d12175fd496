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
EXCEL = b"xl/workbook.xml"  # what is in one of these
PACKED: dict[bytes, Callable] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
TABLES = ".csv .tsv .txt .gz .zip .bz2 .xz .npz .npy -ubyte"
FRAMES = ".parquet .xlsx .mat .h5 .pkl .pickle .arff"  # are refused with advice
X_AND_Y = "frame = pandas.DataFrame(numpy.array(x['X'])).assign(label=numpy.ravel(x['y']))"
ARFF = "frame = pandas.DataFrame(scipy.io.arff.loadarff({!r})[0]).astype(float)"
# How a file begins -> what it is, and the Python that makes a frame of it.
FOREIGN = {
    b"PAR1": ("Parquet", "import pandas; frame = pandas.read_parquet({!r})"),
    EXCEL: ("Excel", "import pandas; frame = pandas.read_excel({!r})"),
    b"MATLAB": ("MATLAB", "import numpy, pandas, scipy.io; x = scipy.io.loadmat({!r}); " + X_AND_Y),
    b"\x89HDF": ("HDF5", "import h5py, numpy, pandas; x = h5py.File({!r}); " + X_AND_Y),
    b"\x80": ("a pickle", "import numpy, pandas; x = pandas.read_pickle({!r}); " + X_AND_Y),
    b"@relation": ("ARFF", "import pandas, scipy.io.arff; " + ARFF),
}

Digits = tuple[np.ndarray, np.ndarray | None]  # images (N, 28, 28) uint8, labels (N,) 0-9


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table, and not a picture."""
    return path.name.lower().endswith(tuple(f"{TABLES} {FRAMES}".split()))


def read_table(path: str | Path, wanted: str = "train") -> Digits:
    """The images (N, 28, 28) uint8 of a table, and its labels (N,) integers 0-9, or None.

    `wanted` is "train" or "test", for files with two parts. Raises InputError as read_parts does.
    """
    return read_parts(Path(path), wanted)[wanted]


def read_parts(path: Path, wanted: str) -> dict[str, Digits]:
    """Images and labels of the part that is `wanted`, and of "train" and "test" if they are there.

    Takes CSV, IDX, .npy and .npz. Kaggle's zip has train.csv and test.csv, Keras' .npz x_train,
    y_train, x_test and y_test. What is odd about the images is said on standard error. Raises
    InputError with what is wrong and where.
    """
    content = unpack(path, wanted)
    if isinstance(content, bytes):
        parts = {wanted: read_csv(path, content)}
    else:
        if len(content) == 1:
            content = {f"x_{wanted}": array for array in content.values()}
        if f"x_{wanted}" not in content:
            raise InputError(f"{path}: has no array 'x_{wanted}', only {list(content)}")
        found = [part for part in ("train", "test") if f"x_{part}" in content]
        parts = {part: check_arrays(path, content, part) for part in found}
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
    if EXCEL.decode() in names:
        return EXCEL
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
    for mark, (name, code) in FOREIGN.items():
        if head.startswith(mark):
            code = f"{code.format(path.name)}; frame.to_csv('digits.csv', index=False)"
            raise InputError(f"{path}: is {name}; make a CSV of it, in Python: {code}")


def check_arrays(path: Path, arrays: dict[str, np.ndarray], part: str) -> Digits:
    """Images and labels of "train" or "test", if they are what the network relies on.

    Labels that are not among the arrays may be beside the file; else they are None.
    """
    x, y = f"x_{part}", f"y_{part}"
    images = arrays[x]
    count = len(images) if images.shape[1:] in ((28, 28), (784,)) else 0
    if images.dtype != np.uint8 or count == 0:
        what = f"is {images.dtype} {images.shape}, not uint8 (N, 28, 28) with N > 0"
        raise InputError(f"{path}: {x} {what}")
    images = images.reshape(-1, 28, 28)
    labels = arrays[y] if y in arrays else labels_beside(path)
    if labels is None:
        return images, None
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        what = f"is {labels.dtype} {labels.shape}, not integers ({count},)"
        raise InputError(f"{path}: {y} {what}")
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        raise InputError(f"{path}: {y}[{wrong[0]}] is {labels[wrong[0]]}, not 0-9")
    return images, labels.astype(int)


def labels_beside(path: Path) -> np.ndarray | None:
    """The labels of a file of images, from the one beside it: y_train.npy for x_train.npy."""
    name = re.sub("images|imgs", "labels", path.name).replace("idx3", "idx1")
    name = re.sub(r"\b[xX]_", "y_", name).removesuffix(".gz")
    for other in (path.with_name(name), path.with_name(f"{name}.gz")):
        if other != path and other.is_file():
            content = unpack(other, "labels")
            return np.array(content) if isinstance(content, bytes) else [*content.values()].pop()
    return None
