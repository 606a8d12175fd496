"""Digits come out of every format as they went in, and lie as MNIST's do; what is odd is said."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.common.errors import InputError
from src.digits import data
from src.digits.checks import EMBEDDED, LIES
from src.digits.data import Data, load_data, row_hashes, seen_rows
from src.digits.formats import is_table, read_table
from src.model import NeuralNetwork
from src.reading.saved import doubts, save_network
from tests.sample_csv import csv_text, digit_table

ROWS = 30


@pytest.fixture(scope="module")
def mnist() -> Data:
    return load_data(EMBEDDED)


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file of an array of uint8."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "emnist-images.idx3-ubyte"])
def test_idx_with_the_labels_beside_it(
    packed: Callable, name: str, digits: Data, tmp_path: Path
) -> None:
    images, labels = digits.images[:ROWS], digits.labels[:ROWS].astype(np.uint8)
    suffix = ".gz" if packed is gzip.compress else ""
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(packed(idx(images)))
    assert read_table(path)[1] is None
    with pytest.raises(InputError, match="no label"):
        load_data(path)
    (tmp_path / name.replace("images", "labels").replace("idx3", "idx1")).write_bytes(idx(labels))
    read = load_data(path)
    assert (read.images == images).all() and (read.labels == labels).all()


def test_npy_and_npz_of_one_array(digits: Data, tmp_path: Path) -> None:
    images, labels = digits.images[:ROWS], digits.labels[:ROWS]
    np.save(tmp_path / "x_test.npy", images)
    np.save(tmp_path / "y_test.npy", labels)
    np.savez(tmp_path / "kmnist-train-imgs.npz", images)
    np.savez(tmp_path / "kmnist-train-labels.npz", labels)
    np.savez(tmp_path / "alone.npz", images.reshape(-1, 784))
    for name, expected in (("x_test.npy", labels), ("kmnist-train-imgs.npz", labels)):
        read = read_table(tmp_path / name, "test")
        assert (read[0] == images).all() and (read[1] == expected).all()
    assert read_table(tmp_path / "alone.npz", "test")[1] is None


def test_the_wanted_part_of_a_file_with_two(digits: Data, tmp_path: Path, small_npz: Path) -> None:
    assert len(read_table(small_npz, "train")[0]) == 300
    assert len(read_table(small_npz, "test")[0]) == 50
    table = digit_table(digits, ROWS)
    with zipfile.ZipFile(tmp_path / "digit-recognizer.zip", "w") as archive:
        archive.writestr("sample_submission.csv", "ImageId,Label\n1,0\n")
        archive.writestr("test.csv", csv_text([row[1:] for row in table]))
        archive.writestr("train.csv", csv_text(table))
    assert len(load_data(tmp_path / "digit-recognizer.zip").labels) == ROWS
    assert read_table(tmp_path / "digit-recognizer.zip", "test")[1] is None


@pytest.mark.parametrize("name", ["train.csv", "Train.csv", "train.csv.gz", "train.csv.zip"])
def test_kaggles_file_in_the_root_is_used(
    name: str, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_npz: Path
) -> None:
    monkeypatch.setattr(data, "ROOT", tmp_path)
    monkeypatch.setattr(data, "EMBEDDED", small_npz)
    assert load_data().source == str(small_npz)
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(InputError, match="is a link to what is not there"):
        load_data()
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(csv_text(digit_table(digits, ROWS)).encode())
    assert load_data().source == name
    assert load_data(small_npz).source == str(small_npz)


def test_what_is_a_table() -> None:
    for name in ("a.csv", "T.CSV.GZ", "x.npz", "t10k-images-idx3-ubyte", "a.parquet", "a.zip"):
        assert is_table(Path(name))
    for name in ("a.png", "b.jpeg", "scans", "1.tif"):
        assert not is_table(Path(name))


# ----------------------------------------------------------------------------- names of columns


def frame(digits: Data) -> pd.DataFrame:
    return pd.DataFrame(digits.images[:ROWS].reshape(-1, 784))


HEADERS: dict[str, Callable[[pd.DataFrame, np.ndarray, Path], object]] = {
    "Fashion's": lambda x, y, p: (
        x.set_axis([f"pixel{n + 1}" for n in range(784)], axis=1)
        .assign(**{"class": y})
        .to_csv(p, index=False)
    ),
    "Label": lambda x, y, p: x.add_prefix("Pixel").assign(Label=y).to_csv(p, index=False),
    "pandas' own": lambda x, y, p: x.assign(label=y).to_csv(p, index=False),
    "pandas' own, label first": lambda x, y, p: pd.DataFrame(np.c_[y, x]).to_csv(p, index=False),
    "an index": lambda x, y, p: x.add_prefix("pixel").assign(label=y).to_csv(p),
    "an index of names": lambda x, y, p: (
        x.add_prefix("pixel").assign(label=y).add_prefix("", axis=0).rename(str).to_csv(p)
    ),
    "Excel's sep": lambda x, y, p: p.write_text(
        "sep=;\n" + x.add_prefix("pixel").assign(label=y).to_csv(sep=";", index=False)
    ),
    "np.savetxt": lambda x, y, p: np.savetxt(p, np.c_[y, x]),
}


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_gives_the_same_digits(
    header: str, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "digits.csv"
    HEADERS[header](frame(digits), digits.labels[:ROWS], path)
    read = load_data(path)
    assert (read.images == digits.images[:ROWS]).all()
    assert (read.labels == digits.labels[:ROWS]).all()
    said = capsys.readouterr().err
    assert ("column 1 only counts the rows" in said) == ("index" in header)


def test_a_default_header_without_labels(digits: Data, tmp_path: Path) -> None:
    frame(digits).to_csv(tmp_path / "a.csv", index=False)
    frame(digits).to_csv(tmp_path / "b.csv")
    for name in ("a.csv", "b.csv"):
        images, labels = read_table(tmp_path / name)
        assert (images == digits.images[:ROWS]).all() and labels is None


# ---------------------------------------------------------------------------- how the images look


def written(path: Path, images: np.ndarray) -> Path:
    np.save(path, images)
    return path


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("ground", [0, 255])
def test_digits_are_put_right_and_it_is_said(
    lie: str, ground: int, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    images = digits.images[:100]
    path = written(tmp_path / "x.npy", ground ^ LIES[lie](images))
    np.testing.assert_array_equal(read_table(path)[0], images)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (ground == 255) + (lie != "as in MNIST")
    assert all(line.startswith(f"note: {path}: ") for line in said)
    assert ground == 0 or "100 of 100 images are dark ink on a bright ground" in said[0]
    assert lie == "as in MNIST" or lie in said[-1]


def test_blank_images_are_counted(
    digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    images = digits.images[:50].copy()
    images[[3, 7]] = 0
    read_table(written(tmp_path / "x.npy", images))
    assert "2 of 50 images are blank; row 4 is" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [1, 2, 10, 50, 200])
def test_nothing_is_said_of_mnist(
    rows: int, tmp_path: Path, capsys: pytest.CaptureFixture, mnist: Data
) -> None:
    """Of no class alone, and no small table of all."""
    rng = np.random.default_rng(rows)
    for digit in [*range(10), None]:
        of_class = np.flatnonzero((mnist.labels == digit) | (digit is None))
        for _ in range(3):
            images = mnist.images[rng.choice(of_class, rows, replace=False)]
            read = read_table(written(tmp_path / "x.npy", images))[0]
            np.testing.assert_array_equal(read, images)
    assert capsys.readouterr().err == ""


def test_nothing_is_said_of_what_is_no_digit(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Frames, bars, letters L: far from MNIST however they lie, so no way of lying is certain."""
    images = np.zeros((60, 28, 28), np.uint8)
    for number, image in enumerate(images):
        image[4 + number % 4 :, 4:10] = image[20:, 4 : 20 + number % 7] = 255
    np.testing.assert_array_equal(read_table(written(tmp_path / "x.npy", images))[0], images)
    assert capsys.readouterr().err == ""


def test_missing_digits_are_named(
    digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    rows = digits.labels < 2
    np.savez(tmp_path / "binary.npz", x_train=digits.images[rows], y_train=digits.labels[rows])
    load_data(tmp_path / "binary.npz")
    assert "labels: only 0, 1; the network will know no others" in capsys.readouterr().err


# -------------------------------------------------------------------------------------- the leak


def test_rows_that_were_trained_on_are_counted(digits: Data) -> None:
    trained_on = row_hashes(digits.images[:400])
    assert trained_on.shape == (400,) and trained_on.dtype == np.uint64
    assert seen_rows(digits.images[350:], trained_on) == 50
    assert seen_rows(digits.test_images, trained_on) == 0
    changed = digits.images[:400].copy()
    changed[:, 27, 27] ^= 1
    assert seen_rows(changed, trained_on) == 0
    assert seen_rows(digits.images[:0], trained_on) == 0


def test_what_a_network_knows_and_has_seen_is_told(digits: Data, tmp_path: Path) -> None:
    network, hashes = NeuralNetwork([784, 10]), row_hashes(digits.images[:60])
    all_ten, two = tmp_path / "all.npz", tmp_path / "two.npz"
    save_network(all_ten, network, {"metrics": {"digits": list(range(10))}}, hashes)
    save_network(two, network, {"metrics": {"digits": [0, 1]}})
    assert doubts([all_ten], digits.test_images) == []
    (seen,) = doubts([all_ten], digits.images[50:90])
    assert seen.startswith("10 of the 40 images are among those that the network was trained on")
    (known,) = doubts([two], digits.images)
    assert known == f"{two}: was trained on 0, 1 and knows no others"
    assert len(doubts([two, all_ten], digits.images)) == 2
    for odd in ([], {"metrics": 3}, {"metrics": {"digits": "x"}}):
        save_network(two, network, dict(odd), np.zeros(3))
        assert doubts([two], digits.images) == []
