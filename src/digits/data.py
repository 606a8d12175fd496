"""The data: any table of digits, or the MNIST in this repo, checked before anything trains on it.

Whatever the source, what comes out is uint8 images (N, 28, 28), 0 = background and 255 = ink, and
integer labels (N,) 0-9. A fault in a file raises InputError with the file, the line and the column.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.common.errors import InputError, one_line
from src.digits.checks import EMBEDDED, note
from src.digits.formats import check_part, read_arrays

ROOT = Path(__file__).resolve().parents[2]
KAGGLE = ["train.csv", "train.csv.gz", "train.csv.zip", "digit-recognizer.zip"]


@dataclass(frozen=True)
class Data:
    """Labelled digits: what a run trains on and, if there is one, the test set it ends with."""

    source: str
    images: np.ndarray  # (N, 28, 28) uint8
    labels: np.ndarray  # (N,) integers 0-9
    test_images: np.ndarray  # (M, 28, 28) uint8; M = 0 if there is no test set
    test_labels: np.ndarray  # (M,)


def load_data(path: str | Path | None = None) -> Data:
    """Read `path`, else Kaggle's file in the project root if it is there, else the embedded MNIST.

    Says on standard error what is odd about the images, and if some digits are missing.
    """
    there = {entry.name.lower(): entry for entry in ROOT.iterdir()}  # broken links too
    if path is None:
        path = next((there[name] for name in KAGGLE if name in there), EMBEDDED)
    path = Path(path)
    arrays = read_arrays(path, "train")
    images, labels = check_part(path, arrays, "train")
    if labels is None:
        advice = "Is it Kaggle's test.csv? Training needs train.csv"
        raise InputError(f"{path}: has no labels, so it cannot be trained on. {advice}")
    digits = np.unique(labels).tolist()
    if len(digits) < 2:
        raise InputError(f"{path}: every label is {digits[0]}; give at least two digits")
    if len(digits) < 10:
        note(path, f"labels: only {', '.join(map(str, digits))}; the network will know no others")
    test: Any = images[:0], labels[:0]
    if "x_test" in arrays and "y_test" in arrays:
        test = check_part(path, arrays, "test")
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return Data(one_line(name.as_posix()), images, labels, *test)


SPLIT_STREAM = 4  # weights are drawn from default_rng(seed), batches and more from streams 1 to 3


def split(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle rows 0..count-1; the first `fraction` of them validate, the others train.

    The shuffling shares no random numbers with anything else that may have the same seed.
    Returns (training rows, validation rows); with fraction 0 all train. Raises InputError if the
    fraction is not 0 and leaves one side empty.
    """
    validation = round(count * fraction)
    if validation >= count or (fraction > 0 and validation == 0):
        what = f"{count} digits cannot be split with validation_fraction={fraction}"
        raise InputError(f"{what}; give more digits, or a fraction that leaves some on each side")
    rows = np.random.default_rng([seed, SPLIT_STREAM]).permutation(count)
    return rows[validation:], rows[:validation]


def fingerprint(images: np.ndarray, labels: np.ndarray) -> str:
    """A short name for exactly these digits, the same wherever they came from."""
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    digest.update(labels.astype(np.uint8).tobytes())
    return digest.hexdigest()[:16]


def row_hashes(images: np.ndarray) -> np.ndarray:
    """A number (N,) uint64 for each image (N, 28, 28), to know it by if it comes again.

    Saved with a network for its training images: 8 bytes an image. Two different images share a
    number once in 10^19 pairs.
    """
    digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(digests), "<u8")
