"""Tables of digits in the formats that they are handed around in, read as images and labels.

The name of a file says whether it is a table, and of a kind we read; what is in it decides the
rest: a CSV may be packed, or be called .txt.
"""

import gzip
import io
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from src.common.errors import InputError
from src.common.files import read_npz
from src.digits.checks import EMBEDDED, checked
from src.digits.tables import read_csv

MAX_BYTES = 2**30  # of a file, unpacked: half a million digits, over ten times Kaggle's train.csv
NPY, IDX = b"\x93NUMPY", b"\0\0\x08"  # how these files begin
READ = (".csv", ".tsv", ".txt", ".gz", ".zip", ".npz", ".npy", "-ubyte")  # how their names end
X_AND_Y = "frame = pandas.DataFrame(numpy.array(x['X'])).assign(label=numpy.ravel(x['y']))"
ARFF = "frame = pandas.DataFrame(scipy.io.arff.loadarff({!r})[0]).astype(float)"
# Is not read -> the Python that makes a frame of it.
REFUSED = {
    ".arff": "import pandas, scipy.io.arff; " + ARFF,
    ".bz2": "import pandas; frame = pandas.read_csv({!r})",
    ".h5": "import h5py, numpy, pandas; x = h5py.File({!r}); " + X_AND_Y,
    ".mat": "import numpy, pandas, scipy.io; x = scipy.io.loadmat({!r}); " + X_AND_Y,
    ".parquet": "import pandas; frame = pandas.read_parquet({!r})",
    ".pickle": "import numpy, pandas; x = pandas.read_pickle({!r}); " + X_AND_Y,
    ".pkl": "import numpy, pandas; x = pandas.read_pickle({!r}); " + X_AND_Y,
    ".xlsx": "import pandas; frame = pandas.read_excel({!r})",
    ".xz": "import pandas; frame = pandas.read_csv({!r})",
}

Digits = tuple[np.ndarray, np.ndarray | None]  # images (N, 28, 28) uint8, labels (N,) 0-9


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table, and not a picture."""
    return path.name.lower().endswith((*READ, *REFUSED))


def read_table(path: str | Path, wanted: str = "train") -> Digits:
    """The images (N, 28, 28) uint8 of a table, and its labels (N,) integers 0-9, or None.

    `wanted` is "train" or "test", for files with two parts. What is odd about the images is said on
    standard error. Raises InputError with what is wrong and where.
    """
    return check_part(Path(path), read_arrays(Path(path), wanted), wanted)


def read_arrays(path: Path, wanted: str) -> dict[str, Any]:
    """What a file has of x_train, y_train, x_test and y_test, the names in Keras' .npz, unchecked.

    The part in a CSV, an IDX file, an .npy, or an .npz of one array is taken for the one `wanted`.
    Raises InputError if the file cannot be read.
    """
    arrays = unpack(path, wanted)
    if len(arrays) == 1:  # images; their labels may be in a file beside it
        arrays = {f"x_{wanted}": arrays.popitem()[1]}
        name = path.name.replace("images", "labels").replace("imgs", "labels")
        beside = path.with_name(name.replace("idx3", "idx1").replace("x_", "y_"))
        if beside.is_file() and beside != path:
            arrays[f"y_{wanted}"] = unpack(beside, wanted).popitem()[1]
    return arrays


def unpack(path: Path, wanted: str) -> dict[str, Any]:
    """All arrays in a file by their names: of a CSV images and labels, of IDX and .npy "array".

    Raises InputError for a faulty or damaged file, one that is too large, and what is REFUSED.
    """
    if not path.is_file():
        what = "there is no such file, or it is a folder, a pipe or a broken link"
        raise InputError(f"{path}: {what}; give a .csv, .csv.gz, .zip or .npz file")
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind in REFUSED:
        code = f"{REFUSED[kind].format(path.name)}; frame.to_csv('digits.csv', index=False)"
        raise InputError(f"{path}: {kind} is not read; make a CSV of it, in Python: {code}")
    too_large = f"has more than {MAX_BYTES:,} bytes, or unpacks to more; give fewer rows"
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: {too_large}")
    if path.suffix.lower() == ".npz":
        return read_npz(path, [])
    try:
        with opened(path, wanted) as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(too_large)
        if content.startswith(NPY):
            return {"array": np.load(io.BytesIO(content), allow_pickle=False)}
        if content.startswith(IDX):
            sizes = np.frombuffer(content, ">u4", content[3], 4)
            return {"array": np.frombuffer(content[4 + sizes.nbytes :], np.uint8).reshape(sizes)}
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            content = content.decode("utf-16").encode()
        images, labels = read_csv(path, content.removeprefix(b"\xef\xbb\xbf"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:  # damaged bytes make gzip, zipfile and NumPy fail in a dozen ways
        what = f"cannot be read ({error}); is it damaged or cut short?"
        raise InputError(f"{path}: {what}") from error
    return {f"x_{wanted}": images, f"y_{wanted}": labels}


def opened(path: Path, wanted: str) -> IO[bytes] | gzip.GzipFile:
    """A file for reading, unpacked if it is gzip, or a zip of one CSV or of train.csv or test.csv.

    Raises InputError for another zip.
    """
    with open(path, "rb") as file:
        mark = file.read(2)
    if mark == b"\x1f\x8b":
        return gzip.open(path)
    if mark != b"PK":
        return open(path, "rb")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        names = [name for name in names if not name.startswith("__MACOSX")]
        names = [name for name in names if Path(name).name.lower() == f"{wanted}.csv"] or names
        if len(names) != 1:
            found = ", ".join(names[:5]) or "none"
            raise InputError(f"should hold one CSV or a {wanted}.csv, holds {found}")
        return archive.open(names[0])


def check_part(path: Path, arrays: dict[str, Any], part: str) -> Digits:
    """Images and labels of "train" or "test", if they are what the network relies on."""
    if f"x_{part}" not in arrays:
        raise InputError(f"{path}: has no array 'x_{part}', only {list(arrays)}")
    images, labels = arrays[f"x_{part}"], arrays.get(f"y_{part}")
    if images.dtype != np.uint8 or images.shape[1:] not in ((28, 28), (784,)) or not len(images):
        what = f"is {images.dtype} {images.shape}, not uint8 (N, 28, 28) with N > 0"
        raise InputError(f"{path}: x_{part} {what}")
    if labels is not None:
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            what = f"is {labels.dtype} {labels.shape}, not integers ({len(images)},)"
            raise InputError(f"{path}: y_{part} {what}")
        wrong = np.flatnonzero((labels < 0) | (labels > 9))
        if len(wrong):
            first = f"{labels[wrong[0]]}, not 0-9"
            raise InputError(f"{path}: row {wrong[0] + 1} ({part}) has the label {first}")
        labels = labels.astype(int)
    images = images.reshape(-1, 28, 28)
    return images if path == EMBEDDED else checked(path, images), labels
