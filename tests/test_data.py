"""Digits come out of every way to write a file exactly as they went in; the split is a split."""

import codecs
import gzip
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits import tables
from src.digits.checks import EMBEDDED
from src.digits.data import Data, fingerprint, load_data, split
from src.digits.formats import read_table
from tests.sample_csv import csv_text, digit_table

ROWS = 30


@pytest.fixture(scope="module")
def kaggle(digits: Data) -> bytes:
    """Kaggle's table of the first digits."""
    return csv_text(digit_table(digits, ROWS)).encode()


def blank_lines(text: bytes) -> bytes:
    lines = text.splitlines()
    return b"\n".join([b"", b" ", *lines[:5], b"", *lines[5:9], b"  ", *lines[9:], b"", b""])


def zipped(text: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("digits.CSV", text)
        archive.writestr("__MACOSX/._digits.csv", b"what a Mac adds")
        archive.writestr("readme.txt", b"hello")
    return buffer.getvalue()


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "as Kaggle": lambda text: text,
    "quoted cells": lambda text: re.sub(rb"(\w+)", rb'"\1"', text),
    "7.0 for 7": lambda text: re.sub(rb"\b(\d+)\b(?=[,\n])", rb"\1.0", text),
    "blank lines": blank_lines,
    "no newline at the end": lambda text: text.rstrip(),
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "CR after the header": lambda text: text.replace(b"\n", b"\r", 1),
    "CR but for the end": lambda text: text.rstrip().replace(b"\n", b"\r") + b"\n",
    "semicolons": lambda text: text.replace(b",", b";"),
    "tabs": lambda text: text.replace(b",", b"\t"),
    "spaces after commas": lambda text: text.replace(b",", b", "),
    "byte-order mark": lambda text: codecs.BOM_UTF8 + text,
    "byte-order mark, no header": lambda text: codecs.BOM_UTF8 + text.partition(b"\n")[2],
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "UTF-16, big-endian": lambda text: codecs.BOM_UTF16_BE + text.decode().encode("utf-16-be"),
    "gzip": gzip.compress,
    "zip": zipped,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_a_table(
    way: str, kaggle: bytes, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK", 7)  # rows that are read at once
    path = tmp_path / "made.of.mat.csv"  # the last suffix counts
    path.write_bytes(WAYS[way](kaggle))
    read = load_data(path)
    assert read.images.dtype == np.uint8 and read.images.flags.c_contiguous
    np.testing.assert_array_equal(read.images, digits.images[:ROWS])
    np.testing.assert_array_equal(read.labels, digits.labels[:ROWS])
    assert read.labels.dtype == int
    assert read.test_images.shape == (0, 28, 28)
    assert read.source == str(path)


def test_digits_of_one_class_can_be_read_to_be_predicted(digits: Data, tmp_path: Path) -> None:
    path = tmp_path / "sevens.csv"
    path.write_text(csv_text([["7", *cells[1:]] for cells in digit_table(digits, 8)[1:]]))
    assert read_table(path)[1].tolist() == [7] * 8


def test_npz_with_and_without_a_test_set(digits: Data, tmp_path: Path) -> None:
    training = {"x_train": digits.images, "y_train": digits.labels.astype(np.uint8)}
    test = {"x_test": digits.test_images.reshape(-1, 784), "y_test": digits.test_labels}
    np.savez(tmp_path / "both.npz", **training, **test)
    with open(tmp_path / "training.NPZ", "wb") as file:
        np.savez_compressed(file, **training)
    both, only_training = load_data(tmp_path / "both.npz"), load_data(tmp_path / "training.NPZ")
    for read in (both, only_training):
        np.testing.assert_array_equal(read.images, digits.images)
        np.testing.assert_array_equal(read.labels, digits.labels)
    np.testing.assert_array_equal(both.test_images, digits.test_images)
    np.testing.assert_array_equal(both.test_labels, digits.test_labels)
    assert only_training.test_images.shape == (0, 28, 28)


def test_the_embedded_mnist_is_all_of_it() -> None:
    mnist = load_data(EMBEDDED)
    assert mnist.images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert mnist.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test_labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_a_fingerprint_is_that_of_the_digits_and_their_labels(digits: Data) -> None:
    images, labels = digits.images, digits.labels
    assert fingerprint(images, labels) == fingerprint(images.copy(), labels.astype(np.uint8))
    others = [(255 - images, labels), (images, 9 - labels), (images[:-1], labels[:-1])]
    assert fingerprint(images, labels) not in [fingerprint(*other) for other in others]


# ------------------------------------------------------------------------------------- the split


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(600, 0.1, 60), (7, 0.3, 2), (5, 0, 0)]
)
def test_split_gives_every_row_to_one_side(count: int, fraction: float, expected: int) -> None:
    training, validation = split(count, fraction, seed=3)
    assert len(validation) == expected
    assert sorted([*training, *validation]) == list(range(count))


def test_split_is_shuffled_and_seeded_and_shares_no_random_numbers_with_the_rest() -> None:
    training, validation = split(1000, 0.1, seed=3)
    np.testing.assert_array_equal(validation, split(1000, 0.1, seed=3)[1])
    assert set(validation) != set(split(1000, 0.1, seed=4)[1])
    assert (np.diff(training) < 0).any()
    assert 300 < validation.mean() < 700  # so rows sorted by class are spread over both sides
    for other in (3, [3, 1], [3, 2], [3, 3]):
        same = np.random.default_rng(other).permutation(1000)[:100]
        assert (validation == same).mean() < 0.1


@pytest.mark.parametrize(("count", "fraction"), [(1, 0.1), (4, 0.1), (1, 0.9), (0, 0)])
def test_too_few_rows_for_a_split(count: int, fraction: float) -> None:
    with pytest.raises(InputError, match=f"{count} digits cannot be split"):
        split(count, fraction, seed=0)
