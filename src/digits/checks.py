"""Whether images look as MNIST's do: bright ink on a dark ground, upright, from 0 to 255.

Networks answer whatever they are given. One trained on MNIST misreads most digits that are
inverted, transposed or go from 0 to 16 instead of 255, without a sign of trouble (docs/data.md).
"""

import sys
import zipfile
from pathlib import Path

import numpy as np

from src.common.errors import InputError, one_line

EMBEDDED = Path(__file__).resolve().parents[2] / "data" / "mnist.npz"
BORDER = np.pad(np.zeros((26, 26), bool), 1, constant_values=True)
# How the images may lie, and what puts them right.
ORIENTATIONS = {
    "as in MNIST": lambda images: images,
    "transposed, rows and columns swapped": lambda images: images.transpose(0, 2, 1),
    "mirrored left to right": lambda images: images[:, :, ::-1],
    "mirrored top to bottom": lambda images: images[:, ::-1],
    "upside down": lambda images: images[:, ::-1, ::-1],
}
# Mean distances of tables of one class or all from MNIST: its own digits 0.04 to 0.15, transposed
# 0.12 to 0.30; USPS, scikit-learn's, Fashion, Kannada and KMNIST 0.17 to 0.40, however they lie.
LIKE_MNIST, CLEARLY_NEARER, ENOUGH = 0.18, 0.65, 50
SAMPLE, REFERENCE = 200, 2000  # images that are compared, and of MNIST that they are compared with


def note(path: Path, text: str) -> None:
    print(one_line(f"note: {path}: {text}"), file=sys.stderr)


def checked(path: Path, images: np.ndarray) -> np.ndarray:
    """The images (N, 28, 28) uint8 as MNIST has them. What is changed, or is odd, is said.

    Inverts and turns where that is certain. Raises InputError if the ink is too dark to be 0-255.
    """
    highest, count = images.max(), len(images)
    if highest < 128:
        advice = f"Multiply them by {255 / max(highest, 1):.4g}"
        expected = "pixels are expected as 0-255, 255 being full ink"
        raise InputError(f"{path}: no pixel exceeds {highest}; {expected}. {advice}")
    blank = np.ptp(images, axis=(1, 2)) == 0
    if blank.any():
        note(path, f"{blank.sum():,} of {count:,} images are blank; row {blank.argmax() + 1} is")
    # Of 140,000 digits, letters and clothes none has more than 43% of its border bright.
    bright = np.mean(images[:, BORDER] > 127, axis=1) > 0.5
    if bright.any():
        images = np.where(bright[:, None, None], 255 - images, images)
        what = "dark ink on a bright ground, in MNIST ink is 255 and the ground 0; inverted them"
        note(path, f"{bright.sum():,} of {count:,} images are {what}")
    orientation = orientation_of(images) if count >= ENOUGH else "as in MNIST"
    if orientation != "as in MNIST":
        note(path, f"the digits are {orientation}; turned them as they are in MNIST")
        images = np.ascontiguousarray(ORIENTATIONS[orientation](images))
    return images


def orientation_of(images: np.ndarray) -> str:
    """Which of ORIENTATIONS images (N, 28, 28) clearly have, by the nearest digits of MNIST."""
    with zipfile.ZipFile(EMBEDDED) as archive, archive.open("x_train.npy") as file:
        file.read(128)  # the header; to unpack all of the file would take 0.2 s
        mnist = np.frombuffer(file.read(REFERENCE * 784), np.uint8).reshape(-1, 28, 28)
    mnist, few = directions(mnist), images[np.linspace(0, len(images) - 1, SAMPLE).astype(int)]
    distance = {
        orientation: float(np.mean(1 - (directions(upright(few)) @ mnist.T).max(axis=1)))
        for orientation, upright in ORIENTATIONS.items()
    }
    nearest = min(distance, key=distance.__getitem__)
    certain = distance[nearest] < min(LIKE_MNIST, CLEARLY_NEARER * distance["as in MNIST"])
    return nearest if certain else "as in MNIST"


def directions(images: np.ndarray) -> np.ndarray:
    """Images (N, 28, 28) as vectors (N, 196) of length 1, whose products are cosines."""
    x = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 196)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)
