"""Digits come out of every accepted kind of file exactly as they went in; the split is a split."""

import bz2
import codecs
import dataclasses
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits import tables
from src.digits.checks import EMBEDDED
from src.digits.data import Data, load_data, split
from src.digits.formats import read_table
from tests.sample_csv import csv_text, digit_table

ROWS = 30


def kaggle(digits: Data, change: Callable[[list[str]], list[str]] = list, start: int = 0) -> bytes:
    """Kaggle's table from line `start` on, each row changed."""
    return csv_text([change(cells) for cells in digit_table(digits, ROWS)[start:]]).encode()


def headerless(digits: Data) -> bytes:
    return kaggle(digits, start=1)


def coordinates(digits: Data) -> bytes:
    names = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
    return csv_text([["label", *names]]).encode() + headerless(digits)


def blank_lines(digits: Data) -> bytes:
    lines = kaggle(digits).decode().splitlines()
    return "\n".join(["", " ", *lines[:5], "", *lines[5:9], "  ", *lines[9:], "", ""]).encode()


ORDER = np.random.default_rng(0).permutation(785)


def shuffled_columns(digits: Data) -> bytes:
    return kaggle(digits, lambda cells: [cells[place] for place in ORDER])


FORMS = {
    "Kaggle's header": kaggle,
    "no header": headerless,
    "no header, blank line first": lambda digits: b"\n\n" + headerless(digits),
    "1x1 header": coordinates,
    "shuffled columns": shuffled_columns,
    "label last": lambda digits: kaggle(digits, lambda cells: cells[1:] + cells[:1]),
    "quoted cells": lambda digits: kaggle(digits, lambda row: [f'"{cell}"' for cell in row]),
    "7.0 for 7": lambda digits: re.sub(rb"\b(\d+)\b(?=[,\n])", rb"\1.0", kaggle(digits)),
    "blank lines": blank_lines,
    "no newline at the end": lambda digits: kaggle(digits).rstrip(),
    "CRLF": lambda digits: kaggle(digits).replace(b"\n", b"\r\n"),
    "CR": lambda digits: kaggle(digits).replace(b"\n", b"\r"),
    "semicolons": lambda digits: kaggle(digits).replace(b",", b";"),
    "tabs": lambda digits: headerless(digits).replace(b",", b"\t"),
    "spaces after commas": lambda digits: kaggle(digits).replace(b",", b", "),
    "byte-order mark": lambda digits: codecs.BOM_UTF8 + kaggle(digits),
    "byte-order mark, no header": lambda digits: codecs.BOM_UTF8 + headerless(digits),
    "UTF-16": lambda digits: kaggle(digits).decode().encode("utf-16"),
    "UTF-16, big-endian": lambda digits: (
        codecs.BOM_UTF16_BE + kaggle(digits).decode().encode("utf-16-be")
    ),
    "bzip2": lambda digits: bz2.compress(kaggle(digits)),
    "xz": lambda digits: lzma.compress(kaggle(digits)),
    "gzip": lambda digits: gzip.compress(kaggle(digits)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_accepted_form_gives_the_same_digits(form: str, digits: Data, tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_bytes(FORMS[form](digits))
    read = load_data(path)
    assert read.images.dtype == np.uint8
    assert read.images.flags.c_contiguous
    np.testing.assert_array_equal(read.images, digits.images[:ROWS])
    np.testing.assert_array_equal(read.labels, digits.labels[:ROWS])
    assert np.issubdtype(read.labels.dtype, np.integer)
    assert read.test_images.shape == (0, 28, 28)
    assert read.source == str(path)


def test_a_zip_with_one_csv_in_it(digits: Data, tmp_path: Path) -> None:
    path = tmp_path / "digits.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.CSV", kaggle(digits))
        archive.writestr("__MACOSX/._train.csv", b"what a Mac adds")
        archive.writestr("readme.txt", b"hello")
    np.testing.assert_array_equal(load_data(path).images, digits.images[:ROWS])


def test_more_rows_than_a_block(
    digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK", 7)
    path = tmp_path / "digits.csv"
    path.write_bytes(blank_lines(digits))
    images, labels = read_table(path)
    np.testing.assert_array_equal(images, digits.images[:ROWS])
    np.testing.assert_array_equal(labels, digits.labels[:ROWS])


@pytest.mark.parametrize("header", [True, False])
def test_digits_without_labels(header: bool, digits: Data, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    rows = [cells[1:] for cells in digit_table(digits, ROWS)]
    path.write_text(csv_text(rows if header else rows[1:]))
    images, labels = read_table(path)
    np.testing.assert_array_equal(images, digits.images[:ROWS])
    assert labels is None
    with pytest.raises(InputError, match="no label column"):
        load_data(path)


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


def test_the_fingerprint_is_that_of_the_digits_not_of_the_file(
    digits: Data, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(kaggle(digits))
    (tmp_path / "b.csv").write_bytes(gzip.compress(shuffled_columns(digits)))
    training = {"x_train": digits.images[:ROWS], "y_train": digits.labels[:ROWS].astype("u1")}
    np.savez(tmp_path / "c.npz", **training, x_test=digits.test_images, y_test=digits.test_labels)
    prints = {load_data(tmp_path / name).fingerprint() for name in ("a.csv", "b.csv", "c.npz")}
    assert len(prints) == 1
    for column, highest in ((400, 255), (0, 9)):  # a pixel and a label
        table = digit_table(digits, ROWS)
        table[1][column] = str(highest - int(table[1][column]))
        (tmp_path / "a.csv").write_text(csv_text(table))
        prints.add(load_data(tmp_path / "a.csv").fingerprint())
    assert len(prints) == 3


def test_the_test_set_has_a_fingerprint_of_its_own(digits: Data) -> None:
    label = dataclasses.replace(digits, test_labels=9 - digits.test_labels)
    pixel = dataclasses.replace(digits, test_images=255 - digits.test_images)
    none = dataclasses.replace(digits, test_images=digits.images[:0], test_labels=digits.labels[:0])
    everything = [digits, label, pixel, none]
    assert len({data.test_fingerprint() for data in everything}) == 4
    assert len({data.fingerprint() for data in everything}) == 1


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(600, 0.1, 60), (7, 0.3, 2), (5, 0, 0)]
)
def test_split_gives_every_row_to_one_side(count: int, fraction: float, expected: int) -> None:
    training, validation = split(count, fraction, seed=3)
    assert len(validation) == expected
    assert sorted([*training, *validation]) == list(range(count))


def test_split_is_shuffled_and_seeded() -> None:
    training, validation = split(1000, 0.1, seed=3)
    again = split(1000, 0.1, seed=3)
    np.testing.assert_array_equal(training, again[0])
    np.testing.assert_array_equal(validation, again[1])
    assert set(validation) != set(split(1000, 0.1, seed=4)[1])
    assert (np.diff(training) < 0).any()
    assert 300 < validation.mean() < 700


@pytest.mark.parametrize("others", [3, [3, 1], [3, 2], [3, 3]])
def test_the_split_shares_no_random_numbers_with_the_rest(others: int | list[int]) -> None:
    same = np.random.default_rng(others).permutation(1000)[:100]
    assert (split(1000, 0.1, seed=3)[1] == same).mean() < 0.1


def test_rows_sorted_by_class_are_spread_over_both_sides(digits: Data, tmp_path: Path) -> None:
    header, *rows = digit_table(digits, 300)
    path = tmp_path / "sorted.csv"
    path.write_text(csv_text([header, *sorted(rows, key=lambda cells: cells[0])]))
    labels = load_data(path).labels
    assert labels.tolist() == sorted(labels)
    training, validation = split(len(labels), 0.2, seed=0)
    assert set(labels[training]) == set(labels[validation]) == set(range(10))


@pytest.mark.parametrize(("count", "fraction"), [(1, 0.1), (4, 0.1), (1, 0.9), (0, 0)])
def test_too_few_rows_for_a_split(count: int, fraction: float) -> None:
    with pytest.raises(InputError, match=f"{count} digits cannot be split"):
        split(count, fraction, seed=0)
