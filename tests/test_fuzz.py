"""Damaged files are refused with an InputError or read as what they really say.

Three kinds: CSVs in every accepted form, .npz files of digits, and saved networks. Cells, rows,
columns, arrays, header fields and bytes are changed, cut, doubled and moved. Every damage follows
from its seed, which the message of a failure names.
"""

import codecs
import csv
import gzip
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits.data import Data, load_data
from src.digits.formats import read_table
from src.model import NeuralNetwork
from src.reading.saved import load_network, save_network
from tests.sample_csv import csv_text, digit_table

ODD_CELLS = """-1 255 256 300 65536 4294967296 18446744073709551616 3.0 3.5 -0 1e2 1e400 1e-400 nan
inf NA true 0x1 007 +7 1_0 "7" " '7' 7;7 7,7 \0 7\0 ٣ pixel0 label é 254.99999999999999999
0.00000000000000000001 7# 7\\""".split()  # noqa: SIM905
ODD_CELLS += ["", " ", "1 2", "7\n7", "7\r7", "9" * 30, "0" * 400 + "7"]
ODD_BYTES = b"0123456789,;\t\r\n\"-+.eE \0xNa#\\'\x0b\x0c\x1a\x85\xa0\xfe\xff"
ODD_VALUES = [0, 1, -1, 10, 255, 2**31, 2**62, 0.5, 1e308, None, "x", True, [], [3], {}]
ODD_TYPES = "u1 i1 i8 >i4 u8 f4 >f4 f8 f2 c8 ? S3 U2 m8[s]".split()  # noqa: SIM905


def pick(rng: np.random.Generator, choices: list) -> object:
    return choices[int(rng.integers(len(choices)))]


# ------------------------------------------------------------------------------- damages


def damage_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, insert, cut, double or move bytes, or cut the end off."""
    start = int(rng.integers(len(content) + 1))
    if rng.random() < 0.3:  # often in the beginning, where headers are
        start = min(start, int(rng.integers(200)))
    end = min(len(content), start + int(10 ** rng.uniform(0, 3.5)))
    odd = bytes(ODD_BYTES[number] for number in rng.integers(0, len(ODD_BYTES), rng.integers(1, 4)))
    before, middle, after = content[:start], content[start:end], content[end:]
    place = int(rng.integers(len(after) + 1))
    damages = [
        before + odd + content[start + len(odd) :],
        before + odd + middle + after,
        before + after,
        before + middle + middle + after,
        before + after[:place] + middle + after[place:],
        before,
    ]
    return pick(rng, damages)


def damage_table(table: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Change a cell, or cut, double or move a row, a column or the cells of a row."""
    table = [list(row) or [""] for row in table]
    row, other_row = rng.integers(0, len(table), 2).tolist()
    column, other_column = rng.integers(0, 785, 2).tolist()
    column *= rng.random() < 0.7  # often the label
    kind = int(rng.integers(9))
    if kind <= 2:
        table[row][column % len(table[row])] = pick(rng, ODD_CELLS)
    elif kind == 3:
        del table[row]
    elif kind == 4:
        table.insert(other_row, list(table[row]))
    elif kind == 5:
        table.insert(other_row, table.pop(row))
    elif kind == 6:
        del table[row][column:]
    else:
        for cells in table if kind == 7 else [table[row]]:
            cell = cells.pop(column % len(cells))
            if other_column % 3:  # else the column is gone
                cells.insert(other_column, cell)
            if other_column % 3 == 2:  # doubled
                cells.insert(column, cell)
    return table or [[]]


def damaged_csv(digits: Data, rng: np.random.Generator) -> bytes:
    """A CSV in one of the accepted forms, with or without a header, damaged up to three times."""
    table = digit_table(digits, 6)[int(rng.integers(2)) :]
    for _ in range(rng.integers(3)):
        table = damage_table(table, rng)
    text = csv_text(table, pick(rng, [*",,,;\t"]), pick(rng, ["\n", "\r\n", "\r"]))
    plain = text.encode()
    forms = [codecs.BOM_UTF8 + plain, text.encode("utf-16"), gzip.compress(plain)]
    content = pick(rng, [*forms, zipped({"train.csv": plain}), *[plain] * 6])
    return damage_bytes(content, rng) if rng.random() < 0.6 else content


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def damaged_npz(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> bytes:
    """An .npz with an array, a member or the whole file damaged."""
    arrays = dict(arrays)
    name, kind = pick(rng, list(arrays)), int(rng.integers(3))
    array = arrays[name]
    if kind == 0:
        changed = [array[None], array.T, array.ravel()[:1], np.tile(array, 2), array.ravel()[:0]]
        if array.dtype.kind != "U":
            changed += [np.where(rng.random(array.shape) < 0.01, 77, array).astype(array.dtype)]
            changed += [array.astype(pick(rng, ODD_TYPES)), arrays[pick(rng, list(arrays))]]
        arrays[name] = pick(rng, changed)
        if rng.random() < 0.1:
            del arrays[name]
    members = {}
    for key, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        members[f"{key}.npy"] = buffer.getvalue()
    if kind == 1:
        content = members[f"{name}.npy"]
        header = damage_bytes(content[:128], rng) if rng.random() < 0.7 else content[:128]
        members[f"{name}.npy"] = header + damage_bytes(content[128:], rng)
    content = zipped(members)
    return damage_bytes(content, rng) if kind == 2 else content


def damaged_network(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> bytes:
    """A saved network with a field or the bytes of its header damaged, or as any .npz."""
    header, kind = json.loads(str(arrays["header"])), int(rng.integers(3))
    if kind == 2:
        return damaged_npz(arrays, rng)
    place, name = header, pick(rng, list(header))
    if name == "layer_sizes" and rng.random() < 0.7:
        place, name = header[name], int(rng.integers(3))
    place[name] = pick(rng, ODD_VALUES)
    text = json.dumps(header)
    if kind == 1:
        text = damage_bytes(str(arrays["header"]).encode(), rng).decode(errors="replace")
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, "header": np.array(text)})
    return buffer.getvalue()


# -------------------------------------------------------------------- what has to hold then


def parsed_naively(path: Path) -> tuple[np.ndarray, list[float] | None]:
    """Pixels in order and labels of a CSV that was accepted, by Python's own csv and no pandas."""
    content = path.read_bytes()
    if content.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            content = archive.read("train.csv")
    elif content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if utf16 else "utf-8-sig")
    delimiter = max(",;\t", key=text.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [[cell.strip() for cell in row] for row in lines if len(row) > 1]
    names = [f"pixel{number}" for number in range(784 - len(rows[0]), 784)]  # label: pixel-1
    if "pixel7" in rows[0]:
        names = rows.pop(0)
    assert all(len(row) == len(names) for row in rows)
    numbers = [int(re.sub("[^0-9-]", "", name) or -1) for name in names]
    order = np.argsort(numbers)[-785:]  # without an index
    # Rounded, because pandas 2 reads decimals up to the 17th only, and takes 1e-20 for 0.
    cells = np.array([[round(float(row[place]), 12) for place in order] for row in rows])
    return cells[:, -784:], cells[:, 0].tolist() if len(order) == 785 else None


def check_digits(images: np.ndarray, labels: np.ndarray) -> None:
    assert images.dtype == np.uint8 and images.shape[1:] == (28, 28)
    assert labels.dtype == int and labels.shape == (len(images),)
    assert set(labels.tolist()) <= set(range(10))


def check_csv(path: Path) -> None:
    images, labels = read_table(path)
    true_pixels, true_labels = parsed_naively(path)
    np.testing.assert_array_equal(images.reshape(-1, 784), true_pixels)
    assert (None if labels is None else labels.tolist()) == true_labels
    check_digits(images, np.zeros(len(images), int) if labels is None else labels)


def check_npz(path: Path) -> None:
    data = load_data(path)
    check_digits(data.images, data.labels)
    check_digits(data.test_images, data.test_labels)
    assert len(set(data.labels.tolist())) > 1


def check_network(path: Path) -> None:
    network, metadata = load_network(path)
    assert network.parameters.dtype in (np.float32, np.float64) and isinstance(metadata, dict)
    assert np.isfinite(network.parameters).all()
    sizes = network.layer_sizes
    assert [weights.shape for weights in network.weights] == list(pairwise(sizes))
    with np.errstate(all="ignore"):  # a weight may have become 1e38
        assert network.predict(np.zeros((2, sizes[0]), network.dtype)).shape == (2,)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("csv", 150),
        ("npz", 150),
        ("network", 150),
        pytest.param("csv", 1200, marks=pytest.mark.slow),
    ],
)
def test_damaged_files_are_refused_or_read_rightly(
    kind: str, count: int, digits: Data, tmp_path: Path
) -> None:
    arrays = {"x_train": digits.images[:6], "y_train": digits.labels[:6].astype(np.uint8)}
    arrays |= {"x_test": digits.test_images[:6], "y_test": digits.test_labels[:6]}
    save_network(tmp_path / "network.npz", NeuralNetwork([5, 4, 3]))
    with np.load(tmp_path / "network.npz") as file:
        network = dict(file)
    kinds: dict[str, tuple[Callable, object, Callable]] = {
        "csv": (damaged_csv, digits, check_csv),
        "npz": (damaged_npz, arrays, check_npz),
        "network": (damaged_network, network, check_network),
    }
    damaged, whole, check = kinds[kind]
    path = tmp_path / ("damaged.csv" if kind == "csv" else "damaged.npz")
    accepted = 0
    for seed in range(count):
        with warnings.catch_warnings(record=True) as noise:
            warnings.simplefilter("always")
            content = damaged(whole, np.random.default_rng(seed))
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
