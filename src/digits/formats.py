"""Tables of digits in the formats that they are handed around in, read as images and labels.

The content decides, not the name: a CSV may be packed, and IDX is the format of MNIST's own files.
"""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.common.files import read_npz
from src.digits.checks import EMBEDDED, checked
from src.digits.tables import read_csv

MAX_BYTES = 2**30  # of an unpacked file: half a million digits, over ten times Kaggle's train.csv
PAIRS = [("images", "labels"), ("imgs", "labels"), ("X_", "y_"), ("x_", "y_")]  # in files' names
IDX, NPY = b"\0\0\x08", b"\x93NUMPY"  # how these files begin
TABLES = (".csv", ".tsv", ".txt", ".gz", ".zip", ".npz", ".npy", "-ubyte", ".bz2", ".xz")
X_AND_Y = "frame = pandas.DataFrame(numpy.array(x['X'])).assign(label=numpy.ravel(x['y']))"
FRAMES = (".parquet", ".xlsx", ".mat", ".h5", ".pkl", ".pickle", ".arff")
# How a file begins -> what it is, and the Python that makes a frame of it, which can write a CSV.
FOREIGN = {
    b"PAR1": ("Parquet", "import pandas; frame = pandas.read_parquet({!r})"),
    b"xl/workbook.xml": ("Excel", "import pandas; frame = pandas.read_excel({!r})"),
    b"MATLAB": (
        "a MATLAB file",
        "import numpy, pandas, scipy.io; x = scipy.io.loadmat({!r}); " + X_AND_Y,
    ),
    b"\x89HDF": ("HDF5", "import numpy, pandas, h5py; x = h5py.File({!r}); " + X_AND_Y),
    b"\x80": (
        "a pickle (can it be trusted?)",
        "import numpy, pandas; x = pandas.read_pickle({!r}); " + X_AND_Y,
    ),
    b"@relation": (
        "ARFF",
        "import pandas, scipy.io.arff as arff; frame = pandas.DataFrame(arff.loadarff({!r})[0])"
        ".astype(float)",
    ),
    b"BZh": ("bzip2", "import pandas; frame = pandas.read_csv({!r})"),
    b"\xfd7zXZ": ("xz", "import pandas; frame = pandas.read_csv({!r})"),
}

Digits = tuple[np.ndarray, np.ndarray | None]  # images (N, 28, 28) uint8, labels (N,) or None


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table, and not a picture."""
    return path.name.lower().endswith(TABLES + FRAMES)


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
    arrays = read_npz(path, []) if path.suffix.lower() == ".npz" else {}
    if path.suffix.lower() == ".npz" and len(arrays) != 1:
        parts = named_parts(path, arrays, wanted)
    else:
        content = b"" if arrays else unpack(path, wanted)
        if content.startswith((IDX, NPY)):
            arrays = {"the array": read_array(path, content)}
        if arrays:
            ((name, images),) = arrays.items()
            parts = {wanted: check_arrays(path, name, images, "the labels", labels_of(path))}
        else:
            parts = {wanted: read_csv(path, content)}
    if path == EMBEDDED:
        return parts
    return {part: (checked(path, images), labels) for part, (images, labels) in parts.items()}


def named_parts(path: Path, arrays: dict[str, np.ndarray], wanted: str) -> dict[str, Digits]:
    """x_train, y_train and x_test, y_test, or only those that are wanted."""
    parts = {}
    for part in ("train", "test"):
        x, y = f"x_{part}", f"y_{part}"
        if part == wanted or {x, y} & set(arrays):
            for key in (x, y):
                if key not in arrays:
                    found = ", ".join(map(repr, arrays)) or "nothing"
                    raise InputError(f"{path}: has no array {key!r}, only {found}")
            parts[part] = check_arrays(path, x, arrays[x], y, arrays[y])
    return parts


def unpack(path: Path, wanted: str) -> bytes:
    """The bytes of a table without its packing; text as UTF-8."""
    if not path.is_file():
        what = "is not a file" if path.exists() else "there is no such file"
        what = "is a link to what is not there" if path.is_symlink() else what
        raise InputError(f"{path}: {what}; give a .csv, .csv.gz, .zip or .npz file")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: has more than {MAX_BYTES:,} bytes; give fewer rows")
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MAX_BYTES + 1)
        elif content.startswith(b"PK"):
            archive = zipfile.ZipFile(io.BytesIO(content))
            if "xl/workbook.xml" in archive.namelist():
                refuse_foreign(path, b"xl/workbook.xml")
            content = archive.open(the_csv(path, archive, wanted)).read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes; give fewer rows")
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            content = content.decode("utf-16").encode()
    except InputError:
        raise
    except Exception as error:  # a damaged archive makes gzip and zipfile fail in a dozen ways
        raise damaged(path, error) from error
    refuse_foreign(path, content[:4096])
    return content.removeprefix(b"\xef\xbb\xbf")


def damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: cannot be read ({error}); is it damaged or cut short?")


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
    for mark, (name, code) in FOREIGN.items():
        if head.startswith(mark):
            code = code.format(path.name) + "; frame.to_csv('digits.csv', index=False)"
            raise InputError(f"{path}: is {name}; make a CSV of it, in Python: {code}")


def read_array(path: Path, content: bytes) -> np.ndarray:
    """The array of an IDX or .npy file."""
    try:
        if content.startswith(NPY):
            return np.load(io.BytesIO(content), allow_pickle=False)
        sizes = np.frombuffer(content, ">u4", content[3], 4)
        return np.frombuffer(content, np.uint8, offset=4 + sizes.nbytes).reshape(sizes)
    except Exception as error:  # a damaged header makes NumPy fail in a dozen ways
        raise damaged(path, error) from error


def labels_of(path: Path) -> np.ndarray | None:
    """The labels that belong to a file of images, from the file named as it is, if there is one."""
    for images, labels in PAIRS:
        name = path.name.replace(images, labels).replace("idx3", "idx1").removesuffix(".gz")
        for other in map(path.with_name, (name, f"{name}.gz")):
            if images in path.name and other.is_file():
                if other.suffix == ".npz":
                    return next(iter(read_npz(other, []).values()), None)
                return read_array(other, unpack(other, "labels"))
    return None


def check_arrays(
    path: Path, x: str, images: np.ndarray, y: str, labels: np.ndarray | None
) -> Digits:
    """Images and labels from arrays called x and y, after checking what the network relies on."""
    if images.dtype != np.uint8 or images.shape[1:] not in ((28, 28), (784,)):
        raise InputError(f"{path}: {x} is {images.dtype} {images.shape}, not uint8 (N, 28, 28)")
    if len(images) == 0:
        raise InputError(f"{path}: {x} holds no images")
    images = images.reshape(-1, 28, 28)
    if labels is None:
        return images, None
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        expected = f"not integers ({len(images)},)"
        raise InputError(f"{path}: {y} is {labels.dtype} {labels.shape}, {expected}")
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        raise InputError(f"{path}: {y}[{wrong[0]}] is {labels[wrong[0]]}, not 0-9")
    return images, labels.astype(int)
