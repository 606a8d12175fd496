"""Tables of digits in the formats that they are handed around in, read as images and labels.

The content decides, not the name: a CSV may be packed, and IDX is the format of MNIST's own files.
"""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.common.files import read_npz
from src.digits.checks import EMBEDDED, checked
from src.digits.tables import read_csv

MAX_BYTES = 2**30  # of an unpacked file: half a million digits, over ten times Kaggle's train.csv
PAIRS = [("images", "labels"), ("imgs", "labels"), ("X_", "y_"), ("x_", "y_")]  # in files' names
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

Labels = np.ndarray | None  # (N,) integers 0-9
Digits = tuple[np.ndarray, Labels]  # images (N, 28, 28) uint8


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table, and not a picture."""
    return path.name.lower().endswith(tuple(f"{TABLES} {FRAMES}".split()))


def read_table(path: str | Path, wanted: str = "train") -> Digits:
    """The images (N, 28, 28) uint8 of a table, and its labels (N,) integers 0-9, or None.

    Takes CSV, IDX, .npy and .npz. Of a file with two parts, such as the zip that Kaggle hands out,
    `wanted` is "train" or "test". What is odd about the images is said on standard error. Raises
    InputError with what is wrong and where.
    """
    parts = read_parts(Path(path), wanted)
    return parts.get(wanted) or next(iter(parts.values()))


def read_parts(path: Path, wanted: str) -> dict[str, Digits]:
    """The same of all that is in a file: "train" and "test" of an .npz with the names of Keras'."""
    if path.suffix.lower() == ".npz":
        parts = parts_of_npz(path, wanted)
    elif isinstance(content := unpack(path, wanted), bytes):
        parts = {wanted: read_csv(path, content)}
    else:
        parts = {wanted: check_arrays(path, content, labels_of(path), "the array", "the labels")}
    if path == EMBEDDED:
        return parts
    return {part: (checked(path, images), labels) for part, (images, labels) in parts.items()}


def parts_of_npz(path: Path, wanted: str) -> dict[str, Digits]:
    """x_train, y_train and x_test, y_test, or only those that are wanted, or the only array."""
    arrays = read_npz(path, [])
    if len(arrays) == 1:
        ((name, images),) = arrays.items()
        return {wanted: check_arrays(path, images, labels_of(path), name, "the labels")}
    parts = {}
    for part in ("train", "test"):
        x, y = f"x_{part}", f"y_{part}"
        if part == wanted or {x, y} & set(arrays):
            for key in (x, y):
                if key not in arrays:
                    found = ", ".join(map(repr, arrays)) or "nothing"
                    raise InputError(f"{path}: has no array {key!r}, only {found}")
            parts[part] = check_arrays(path, arrays[x], arrays[y], x, y)
    return parts


def unpack(path: Path, wanted: str) -> bytes | np.ndarray:
    """The array of an IDX or .npy file, or else the text of a CSV, as UTF-8; packed or not."""
    if not path.is_file():
        what = "is not a file" if path.exists() else "there is no such file"
        what = "is a link to what is not there" if path.is_symlink() else what
        raise InputError(f"{path}: {what}; give a .csv, .csv.gz, .zip or .npz file")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; give fewer rows")
    content = path.read_bytes()
    try:
        for mark, opened in PACKED.items():
            if content.startswith(mark):
                content = opened(io.BytesIO(content)).read(MAX_BYTES + 1)
        if content.startswith(b"PK"):
            archive = zipfile.ZipFile(io.BytesIO(content))
            if "xl/workbook.xml" in archive.namelist():
                refuse_foreign(path, b"xl/workbook.xml")
            content = archive.open(the_csv(path, archive, wanted)).read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes; give fewer rows")
        refuse_foreign(path, content[:4096])
        if content.startswith(NPY):
            return np.load(io.BytesIO(content), allow_pickle=False)
        if content.startswith(IDX):
            sizes = np.frombuffer(content, ">u4", content[3], 4)
            return np.frombuffer(content, np.uint8, offset=4 + sizes.nbytes).reshape(sizes)
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return content.decode("utf-16").encode() if utf16 else content.removeprefix(b"\xef\xbb\xbf")
    except InputError:
        raise
    except Exception as error:  # damaged bytes make gzip, zipfile and NumPy fail in a dozen ways
        raise InputError(
            f"{path}: cannot be read ({error}); is it damaged or cut short?"
        ) from error


def the_csv(path: Path, archive: zipfile.ZipFile, wanted: str) -> str:
    """The name of the CSV in a zip: the only one, or train.csv or test.csv."""
    names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
    names = [name for name in names if not name.startswith("__MACOSX")]
    if len(names) > 1:
        names = [name for name in names if Path(name).name.lower() == f"{wanted}.csv"] or names
    if len(names) != 1:
        found = ", ".join(names[:5]) or "none"
        raise InputError(f"{path}: should hold one CSV or a {wanted}.csv, holds {found}")
    return names[0]


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raise InputError if a file begins as one of the FOREIGN formats does."""
    head = b"@relation" if b"@relation" in head.lower() else head  # comments come before it
    for mark, (name, read, frame) in FOREIGN.items():
        if head.startswith(mark):
            modules = "numpy, pandas, " + read.partition("(")[0].rpartition(".")[0]
            code = f"import {modules}; x = {read.format(path.name)}; "
            code += f"frame = {frame}; frame.to_csv('digits.csv', index=False)"
            raise InputError(f"{path}: is {name}; make a CSV of it, in Python: {code}")


def labels_of(path: Path) -> Labels:
    """The labels that belong to a file of images, from the file named as it is, if there is one."""
    for images, labels in PAIRS:
        name = path.name.replace(images, labels).replace("idx3", "idx1").removesuffix(".gz")
        for other in map(path.with_name, (name, f"{name}.gz")):
            if images in path.name and other.is_file():
                if other.suffix == ".npz":
                    return next(iter(read_npz(other, []).values()), None)
                return np.asarray(unpack(other, "labels"))
    return None


def check_arrays(path: Path, images: np.ndarray, labels: Labels, x: str, y: str) -> Digits:
    """Images and labels, called x and y in errors, if they are what the network relies on."""
    if images.dtype != np.uint8 or images.shape[1:] not in ((28, 28), (784,)):
        raise InputError(f"{path}: {x} is {images.dtype} {images.shape}, not uint8 (N, 28, 28)")
    count = len(images)
    if count == 0:
        raise InputError(f"{path}: {x} holds no images")
    if labels is not None:
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            raise InputError(
                f"{path}: {y} is {labels.dtype} {labels.shape}, not integers ({count},)"
            )
        wrong = np.flatnonzero((labels < 0) | (labels > 9))
        if len(wrong):
            raise InputError(f"{path}: {y}[{wrong[0]}] is {labels[wrong[0]]}, not 0-9")
        labels = labels.astype(int)
    return images.reshape(-1, 28, 28), labels
