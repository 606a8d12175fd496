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
from src.digits.checks import EMBEDDED, ORIENTATIONS, checked
from src.digits.data import Data, load_data, row_hashes
from src.digits.formats import is_table, read_table
from src.model import NeuralNetwork
from src.reading.saved import doubts, save_network
from tests.sample_csv import csv_text, digit_table

ROWS = 30


def assert_read(path: Path, digits: Data, labels: bool = True, wanted: str = "train") -> None:
    """The file holds the first digits, with or without their labels."""
    images, found = read_table(path, wanted)
    np.testing.assert_array_equal(images, digits.images[:ROWS])
    assert (found is None) == (not labels)
    if labels:
        np.testing.assert_array_equal(found, digits.labels[:ROWS])


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file of an array of uint8."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "emnist-images.idx3-ubyte"])
def test_idx_with_the_labels_beside_it(
    suffix: str, name: str, digits: Data, tmp_path: Path
) -> None:
    images = idx(digits.images[:ROWS])
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(gzip.compress(images) if suffix else images)
    assert_read(path, digits, labels=False)
    labels = idx(digits.labels[:ROWS].astype(np.uint8))
    beside = path.name.replace("images", "labels").replace("idx3", "idx1")
    (tmp_path / beside).write_bytes(gzip.compress(labels) if suffix else labels)
    assert_read(path, digits)


def test_npy_and_npz_of_one_array(digits: Data, tmp_path: Path) -> None:
    images, labels = digits.images[:ROWS], digits.labels[:ROWS]
    np.save(tmp_path / "x_test.npy", images)
    np.save(tmp_path / "y_test.npy", labels)
    np.savez(tmp_path / "kmnist-train-imgs.npz", images)
    np.savez(tmp_path / "kmnist-train-labels.npz", labels)
    np.savez(tmp_path / "alone.npz", images.reshape(-1, 784))
    assert_read(tmp_path / "x_test.npy", digits, wanted="test")
    assert_read(tmp_path / "kmnist-train-imgs.npz", digits)
    assert_read(tmp_path / "alone.npz", digits, labels=False, wanted="test")


def test_the_wanted_part_of_a_file_with_two(digits: Data, tmp_path: Path, small_npz: Path) -> None:
    assert len(read_table(small_npz, "train")[0]) == 300
    assert len(read_table(small_npz, "test")[0]) == 50
    table = digit_table(digits, ROWS)
    with zipfile.ZipFile(tmp_path / "digit-recognizer.zip", "w") as archive:
        archive.writestr("sample_submission.csv", "ImageId,Label\n1,0\n")
        archive.writestr("test.csv", csv_text([row[1:] for row in table]))
        archive.writestr("train.csv", csv_text(table))
    assert_read(tmp_path / "digit-recognizer.zip", digits)
    assert_read(tmp_path / "digit-recognizer.zip", digits, labels=False, wanted="test")


@pytest.mark.parametrize("name", ["train.csv", "Train.csv", "train.csv.gz", "train.csv.zip"])
def test_kaggles_file_in_the_root_is_used(
    name: str, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_npz: Path
) -> None:
    monkeypatch.setattr(data, "ROOT", tmp_path)
    monkeypatch.setattr(data, "EMBEDDED", small_npz)
    assert load_data().source == str(small_npz)
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(InputError, match="a broken link"):
        load_data()
    (tmp_path / name).unlink()
    (tmp_path / name).write_text(csv_text(digit_table(digits, ROWS)))
    assert load_data().source == name
    assert load_data(small_npz).source == str(small_npz)


def test_what_is_a_table() -> None:
    for name in ("a.csv", "T.CSV.GZ", "x.npz", "t10k-images-idx3-ubyte", "a.parquet", "a.zip"):
        assert is_table(Path(name))
    for name in ("a.png", "b.jpeg", "scans", "1.tif"):
        assert not is_table(Path(name))


# ----------------------------------------------------------------------------- names of columns

PLACES = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
HEADERS: dict[str, Callable[[pd.DataFrame], str]] = {  # of a frame with Kaggle's header
    "Kaggle's": lambda frame: frame.to_csv(index=False),
    "Fashion's": lambda frame: frame.set_axis(
        ["class", *(f"pixel{number}" for number in range(1, 785))], axis=1
    ).to_csv(index=False),
    "coordinates": lambda frame: frame.set_axis(["Label", *PLACES], axis=1).to_csv(index=False),
    "numbers": lambda frame: frame.set_axis(["label", *range(784)], axis=1).to_csv(index=False),
    "numbers alone": lambda frame: frame.set_axis(range(785), axis=1).to_csv(index=False),
    "label last": lambda frame: frame.iloc[:, [*range(1, 785), 0]].to_csv(index=False),
    "shuffled": lambda frame: frame.sample(frac=1, axis=1, random_state=0).to_csv(index=False),
    "an index": lambda frame: frame.to_csv(),
    "an index of names": lambda frame: frame.rename(index="row {}".format).to_csv(sep="\t"),
    "none": lambda frame: frame.to_csv(index=False, header=False),
    "none, as by np.savetxt": lambda frame: frame.astype(float).to_csv(
        sep=" ", index=False, header=False, float_format="%.18e"
    ),
}


def frame_of(digits: Data) -> pd.DataFrame:
    names, *rows = digit_table(digits, ROWS)
    return pd.DataFrame(rows, columns=names).astype(int)


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_gives_the_same_digits(
    header: str, digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "digits.csv"
    path.write_text(HEADERS[header](frame_of(digits)))
    assert_read(path, digits)
    said = capsys.readouterr().err
    assert ("column 1 only counts the rows" in said) == ("index" in header)


@pytest.mark.parametrize("header", ["Kaggle's", "an index", "none"])
def test_digits_without_labels(header: str, digits: Data, tmp_path: Path) -> None:
    frame = frame_of(digits).drop(columns="label")
    (tmp_path / "a.csv").write_text(HEADERS[header](frame))
    assert_read(tmp_path / "a.csv", digits, labels=False)
    with pytest.raises(InputError, match="no labels"):
        load_data(tmp_path / "a.csv")


# ---------------------------------------------------------------------------- how the images look


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("ground", [0, 255])
def test_digits_are_put_right_and_it_is_said(
    orientation: str, ground: int, digits: Data, capsys: pytest.CaptureFixture
) -> None:
    images = digits.images[:100]
    put_right = checked(Path("x.npy"), ground ^ ORIENTATIONS[orientation](images))
    np.testing.assert_array_equal(put_right, images)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (ground == 255) + (orientation != "as in MNIST")
    assert all(line.startswith("note: x.npy: ") for line in said)
    assert ground == 0 or "100 of 100 images are dark ink on a bright ground" in said[0]
    assert orientation == "as in MNIST" or orientation in said[-1]


def test_nothing_is_said_of_mnist_nor_of_what_is_no_digit(capsys: pytest.CaptureFixture) -> None:
    """Of no class alone, no small table of all, and no bars and letters: however they lie, they
    are far from MNIST."""
    mnist, rng = load_data(EMBEDDED), np.random.default_rng(0)
    letters = np.zeros((60, 28, 28), np.uint8)
    for number, image in enumerate(letters):
        image[4 + number % 4 :, 4:10] = image[20:, 4 : 20 + number % 7] = 255
    tables = [letters, mnist.images[[3070]]]  # a 1 that leans
    for digit in [*range(10), None]:
        of_class = np.flatnonzero((mnist.labels == digit) | (digit is None))
        choices = [rng.choice(of_class, rows, replace=False) for rows in (10, 200)]
        tables += [mnist.images[rows] for rows in choices]
    for images in tables:
        np.testing.assert_array_equal(checked(Path("x.npy"), images), images)
    assert capsys.readouterr().err == ""


def test_blank_images_and_missing_digits_are_named(
    digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    rows = digits.labels < 2
    images = digits.images[rows].copy()
    images[[3, 7]] = 0
    np.savez(tmp_path / "binary.npz", x_train=images, y_train=digits.labels[rows])
    load_data(tmp_path / "binary.npz")
    said = capsys.readouterr().err
    assert f"2 of {len(images)} images are blank; row 4 is" in said
    assert "labels: only 0, 1; the network will know no others" in said


# -------------------------------------------------------------------------------------- the leak


def test_an_image_is_known_by_its_hash(digits: Data) -> None:
    trained_on = row_hashes(digits.images[:400])
    assert trained_on.shape == (400,) and trained_on.dtype == np.uint64
    assert np.isin(row_hashes(digits.images[350:]), trained_on).sum() == 50
    assert not np.isin(row_hashes(digits.test_images), trained_on).any()
    assert not np.isin(row_hashes(digits.images ^ np.eye(28, dtype=np.uint8)), trained_on).any()
    assert len(row_hashes(digits.images[:0])) == 0


def test_what_a_network_knows_and_has_seen_is_told(digits: Data, tmp_path: Path) -> None:
    network, hashes = NeuralNetwork([784, 10]), row_hashes(digits.images[:60])
    all_ten, two = tmp_path / "all.npz", tmp_path / "two.npz"
    save_network(all_ten, network, trained_on=hashes, digits=np.arange(10))
    save_network(two, network, digits=np.arange(2))
    assert doubts([all_ten], digits.test_images) == []
    (seen,) = doubts([all_ten], digits.images[50:90])
    assert seen.startswith("10 of the 40 images are among those that the network was trained on")
    (known,) = doubts([two], digits.images)
    assert known == f"{two}: was trained on 0, 1 and knows no others"
    assert len(doubts([two, all_ten], digits.images)) == 2
    save_network(two, network)  # of somebody who does not say
    assert doubts([two], digits.images) == []
