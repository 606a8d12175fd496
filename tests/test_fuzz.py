"""Damaged files are refused with an InputError or read as what they really say.

Two kinds: CSVs in every accepted form, and .npz files of digits. Cells, rows, columns, arrays and
bytes are changed, cut and doubled. Every damage follows from its seed, which a failure names.
"""

import codecs
import csv
import io
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits.data import Data, load_data
from src.digits.formats import read_table
from tests.sample_csv import PIXEL_NAMES, csv_text, digit_table

ODD_CELLS = """-1 255 256 300 65536 4294967296 18446744073709551616 3.0 3.5 -0 1e2 1e400 1e-400 nan
inf NA true 0x1 007 +7 1_0 "7" " '7' 7;7 7,7 \0 7\0 ٣ pixel0 label é 254.99999999999999999
0.00000000000000000001 7# 7\\""".split()  # noqa: SIM905
ODD_CELLS += ["", " ", "1 2", "7\n7", "7\r7", "9" * 30, "0" * 400 + "7"]
ODD_BYTES = list(b"0123456789,;\t\r\n\"-+.eE \0xNa#\\'\x0b\x0c\x1a\x85\xa0\xfe\xff")
ODD_TYPES = "u1 i1 i8 >i4 u8 f4 >f4 f8 f2 c8 ? S3 U2 m8[s]".split()  # noqa: SIM905


def pick(rng: np.random.Generator, choices: Any) -> Any:
    return list(choices)[int(rng.integers(len(choices)))]


# ------------------------------------------------------------------------------- damages


def damage_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, insert, cut, double or move bytes, or cut the end off."""
    start = int(rng.integers(len(content) + 1))
    if rng.random() < 0.3:  # often in the beginning, where headers are
        start = min(start, int(rng.integers(200)))
    end = min(len(content), start + int(10 ** rng.uniform(0, 3.5)))
    odd = bytes(pick(rng, ODD_BYTES) for _ in range(rng.integers(1, 4)))
    before, middle, after = content[:start], content[start:end], content[end:]
    place = int(rng.integers(len(after) + 1))
    damages = [before + odd + content[start + len(odd) :], before + odd + middle + after, before]
    damages += [before + after, before + middle + middle + after]
    return pick(rng, [*damages, before + after[:place] + middle + after[place:]])


def damage_table(table: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Change a cell, or cut or double a row, a column, or a cell of a row."""
    table = [list(row) for row in table]
    row, times, kind = int(rng.integers(len(table))), pick(rng, [0, 2]), int(rng.integers(6))
    column = int(rng.integers(785) * (rng.random() < 0.7))  # often the label
    if kind < 3:
        table[row][column : column + 1] = [pick(rng, ODD_CELLS)]
    elif kind == 3:
        table[row : row + 1] = [table[row]] * times
    else:
        for cells in table if kind == 4 else [table[row]]:
            cells[column : column + 1] = cells[column : column + 1] * times
    return table or [["label"]]


def damaged_csv(digits: Data, rng: np.random.Generator) -> bytes:
    """A CSV in one of the accepted forms, with or without a header, damaged up to three times."""
    table = digit_table(digits, 6)[int(rng.integers(2)) :]
    for _ in range(rng.integers(3)):
        table = damage_table(table, rng)
    text = csv_text(table, pick(rng, ",,,;\t"), pick(rng, ["\n", "\r\n"]))
    plain = text.encode()
    content = pick(rng, [codecs.BOM_UTF8 + plain, text.encode("utf-16"), *[plain] * 6])
    return damage_bytes(content, rng) if rng.random() < 0.6 else content


def damaged_npz(digits: Data, rng: np.random.Generator) -> bytes:
    """An .npz with an array, a member or the whole file damaged."""
    arrays = {"x_train": digits.images[:6], "y_train": digits.labels[:6].astype(np.uint8)}
    arrays |= {"x_test": digits.test_images[:6], "y_test": digits.test_labels[:6]}
    name, kind = pick(rng, arrays), int(rng.integers(3))
    if kind == 0:
        array = arrays[name]
        changed = [array[None], array.T, array.ravel()[:1], np.tile(array, 2), array.ravel()[:0]]
        changed += [np.where(rng.random(array.shape) < 0.01, 77, array).astype(array.dtype)]
        changed += [array.astype(pick(rng, ODD_TYPES)), arrays[pick(rng, arrays)]]
        arrays = {**arrays, name: pick(rng, changed)}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            content = member.getvalue()
            if kind == 1 and key == name:
                header = damage_bytes(content[:128], rng) if rng.random() < 0.7 else content[:128]
                content = header + damage_bytes(content[128:], rng)
            archive.writestr(f"{key}.npy", content)
    return damage_bytes(file.getvalue(), rng) if kind == 2 else file.getvalue()


# -------------------------------------------------------------------- what has to hold then


def parsed_naively(path: Path) -> np.ndarray:
    """Label, if there is one, and pixels (N, 785 or 784), by Python's own csv and no pandas."""
    content = path.read_bytes()
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if utf16 else "utf-8-sig", "replace")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.count))
    rows = [[cell.strip() for cell in row] for row in lines if len(row) > 1]
    names = ["label", *PIXEL_NAMES][785 - len(rows[0]) :]
    if "pixel7" in rows[0]:
        names = rows.pop(0)
    assert all(len(row) == len(names) for row in rows)
    numbers = [int(re.sub("[^0-9]", "", name) or -1) for name in names]
    order = np.argsort(numbers)[-785:]  # without an index
    # Rounded, because pandas 2 reads decimals up to the 17th only, and takes 1e-20 for 0.
    return np.array([[round(float(row[place]), 12) for place in order] for row in rows])


def check_digits(images: np.ndarray, labels: np.ndarray) -> None:
    assert images.dtype == np.uint8 and images.shape[1:] == (28, 28)
    assert labels.dtype == int and labels.shape == (len(images),)
    assert set(labels.tolist()) <= set(range(10))


def check_csv(path: Path) -> None:
    images, labels = read_table(path)
    cells = parsed_naively(path)
    np.testing.assert_array_equal(images.reshape(-1, 784), cells[:, -784:])
    assert (labels is None) == (cells.shape[1] == 784)
    check_digits(images, np.zeros(len(images), int) if labels is None else labels)
    assert labels is None or (labels == cells[:, 0]).all()


def check_npz(path: Path) -> None:
    data = load_data(path)
    check_digits(data.images, data.labels)
    check_digits(data.test_images, data.test_labels)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("csv", 150), ("npz", 100), pytest.param("csv", 1200, marks=pytest.mark.slow)],
)
def test_damaged_files_are_refused_or_read_rightly(
    kind: str, count: int, digits: Data, tmp_path: Path
) -> None:
    path = tmp_path / f"damaged.{kind}"
    damaged, check = {"csv": (damaged_csv, check_csv), "npz": (damaged_npz, check_npz)}[kind]
    accepted = 0
    for seed in range(count):
        with warnings.catch_warnings(record=True) as noise:
            warnings.simplefilter("always")
            content = damaged(digits, np.random.default_rng(seed))
            noise.clear()
            path.write_bytes(content)
            try:
                check(path)
                accepted += 1
            except InputError as error:
                assert str(error).startswith(str(path)), f"seed {seed}: {error}"
            except BaseException as error:
                raise AssertionError(f"seed {seed}: {error!r}") from error
        assert not noise or kind != "csv", f"seed {seed} warns: {noise[0].message}"
    assert 0.02 * count < accepted < 0.8 * count  # else the damages are too hard or too soft
