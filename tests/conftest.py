# ruff: noqa: E402
"""What several test files share: a few real digits, as arrays and as a file."""

import os
import shutil
import signal

# In the background, or under nohup, these are ignored, and so they would be in what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
from src.common.script import BLAS

os.environ.update(dict.fromkeys(BLAS, "1"))  # as in the scripts, before NumPy is imported

from pathlib import Path

import numpy as np
import pytest

from src.digits.data import Data

ROOT = Path(__file__).resolve().parent.parent
NO_SOURCE = {".git", ".venv", "results", "train.csv", "test.csv"}


def copy_of_the_project(folder: Path) -> Path:
    """The project in another folder, without what users and runs have put there."""
    tree = folder / "project"
    shutil.copytree(ROOT, tree, ignore=lambda at, _: NO_SOURCE if Path(at) == ROOT else [])
    return tree


@pytest.fixture(scope="session")
def digits() -> Data:
    """600 training and 100 test images of MNIST. Read-only, so that no test can spoil another."""
    with np.load(ROOT / "data" / "mnist.npz") as file:
        arrays = [file["x_train"][:600], file["y_train"][:600].astype(int)]
        arrays += [file["x_test"][:100], file["y_test"][:100].astype(int)]
    for array in arrays:
        array.flags.writeable = False
    return Data("600 digits", *arrays)


@pytest.fixture(scope="session")
def small_npz(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 training and 50 test images in a file like MNIST's."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    train = {"x_train": digits.images[:300], "y_train": digits.labels[:300]}
    np.savez(path, **train, x_test=digits.test_images[:50], y_test=digits.test_labels[:50])
    return path


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are saved, none of which may name a NaN."""
    from matplotlib.figure import Figure

    from tests.drawn import all_texts

    saved: list[Figure] = []
    save = Figure.savefig

    def watched(figure, path, **options):
        saved.append(figure)
        save(figure, path, **options)
        assert "nan" not in all_texts(figure).lower()

    monkeypatch.setattr(Figure, "savefig", watched)
    return saved
