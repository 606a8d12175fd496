"""The data: a Kaggle CSV or the MNIST in this repo, checked before anything trains on it.

Whatever the source, what comes out is uint8 images (N, 28, 28), 0 = background and 255 = ink, and
integer labels (N,) 0-9. A fault in a file raises InputError with the file, the line and the column.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.common.errors import InputError
from src.common.files import read_npz
from src.digits.csv_reader import PIXELS, read_csv

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "data" / "mnist.npz"


@dataclass(frozen=True)
class Data:
    """Labelled digits: what a run trains on and, if there is one, the test set it ends with."""

    source: str
    images: np.ndarray  # (N, 28, 28) uint8
    labels: np.ndarray  # (N,) integers 0-9
    test_images: np.ndarray  # (M, 28, 28) uint8; M = 0 if there is no test set
    test_labels: np.ndarray  # (M,)

    def fingerprint(self) -> str:
        """A short name for exactly these training digits, the same wherever they came from."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(self.labels.astype(np.uint8).tobytes())
        return digest.hexdigest()[:16]

    def test_fingerprint(self) -> str:
        """The same for the test set."""
        return replace(self, images=self.test_images, labels=self.test_labels).fingerprint()


def load_data(path: str | Path | None = None) -> Data:
    """Read `path`, else train.csv in the project root if it is there, else the embedded MNIST."""
    if path is None:
        kaggle = ROOT / "train.csv"
        path = kaggle if kaggle.exists() else EMBEDDED
    path = Path(path)
    none = np.empty((0, 28, 28), np.uint8), np.empty(0, int)
    if path.suffix.lower() == ".npz":
        arrays = read_npz(path, ["x_train", "y_train"])
        training = check_arrays(path, arrays, "x_train", "y_train")
        has_test = "x_test" in arrays or "y_test" in arrays
        test = check_arrays(path, arrays, "x_test", "y_test") if has_test else none
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


SPLIT_STREAM = 4  # weights are drawn from default_rng(seed), batches and more from streams 1 to 3


def split(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle rows 0..count-1; the first `fraction` of them validate, the others train.

    The shuffling shares no random numbers with anything else that may have the same seed.
    Returns (training rows, validation rows); with fraction 0 all train. Raises InputError if the
    fraction is not 0 and leaves one side empty.
    """
    validation = round(count * fraction)
    if validation >= count or (fraction > 0 and validation == 0):
        raise InputError(
            f"{count} digits cannot be split with validation_fraction={fraction}: "
            "each side needs at least one; give more digits or another fraction"
        )
    rows = np.random.default_rng([seed, SPLIT_STREAM]).permutation(count)
    return rows[validation:], rows[:validation]


def check_arrays(
    path: Path, arrays: dict[str, np.ndarray], images_key: str, labels_key: str
) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of an .npz file, after checking what the network relies on."""
    if images_key not in arrays or labels_key not in arrays:
        raise InputError(f"{path}: needs {images_key} and {labels_key}, has only one of them")
    images, labels = arrays[images_key], arrays[labels_key]
    if images.dtype != np.uint8 or images.shape[1:] not in ((28, 28), (PIXELS,)):
        raise InputError(
            f"{path}: {images_key} is {images.dtype} {images.shape}, not uint8 (N, 28, 28)"
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
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
