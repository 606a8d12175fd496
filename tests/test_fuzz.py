"""Thousands of damaged files: each is refused with an InputError or read as what it really says.

Every damage follows from its seed. To look at other seeds than the tests do, or at one that failed:

    PYTHONPATH=. python tests/test_fuzz.py csv 5000 6000
"""

import codecs
import csv
import gzip
import io
import json
import signal
import sys
import warnings
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits.data import Data, load_data
from src.digits.formats import read_table
from src.model import NeuralNetwork
from src.reading.saved import load_network, save_network
from tests.sample_csv import PIXEL_NAMES, csv_text, digit_table

SECONDS = 30  # for one file, on a busy machine; what takes longer hangs
ODD_CELLS = """-1 255 256 300 65536 4294967296 18446744073709551616 3.0 3.5 -0 1e2 1e400 1e-400 nan
inf NA true 0x1 007 +7 1_0 "7" " '7' 7;7 7,7 \0 7\0 ٣ pixel0 label é 254.99999999999999999
0.00000000000000000001 7# 7\\""".split()  # noqa: SIM905
ODD_CELLS += ["", " ", "1 2", "7\n7", "7\r7", "9" * 30, "0" * 400 + "7"]
ODD_BYTES = b"0123456789,;\t\r\n\"-+.eE \0xNa#\\'\x0b\x0c\x1a\x85\xa0\xfe\xff"
ODD_NUMBERS = [0, 1, -1, 10, 255, 2**31, 2**62, 0.5, 1e308, None, "x", True, [], [3], {}]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high))


# ------------------------------------------------------------------------------- damages


def damage_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, replace, insert, cut, double or move bytes, or cut the end off."""
    start = between(rng, 0, len(content) + 1)
    if rng.random() < 0.3:  # often in the beginning, where headers are
        start = min(start, between(rng, 0, 200))
    end = min(len(content), start + int(10 ** rng.uniform(0, 3.5)))
    odd = bytes(ODD_BYTES[number] for number in rng.integers(0, len(ODD_BYTES), between(rng, 1, 4)))
    before, middle, after = content[:start], content[start:end], content[end:]
    place = between(rng, 0, len(after) + 1)
    flipped = bytes([content[start % len(content)] ^ 1 << between(rng, 0, 8)]) if content else b""
    damages = [
        before + flipped + content[start + 1 :],
        before + odd + content[start + len(odd) :],
        before + odd + middle + after,
        before + after,
        before + middle + middle + after,
        before + after[:place] + middle + after[place:],
        before,
    ]
    return damages[between(rng, 0, len(damages))]


def damage_table(table: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Change a cell, or cut, double or move rows, columns or cells."""
    table = [list(row) or [""] for row in table]
    row, other_row = between(rng, 0, len(table)), between(rng, 0, len(table))
    column, other_column = rng.integers(0, 785, 2).tolist()
    if rng.random() < 0.3:
        column = 0
    kind = between(rng, 0, 9)
    if kind <= 2:
        table[row][column % len(table[row])] = ODD_CELLS[between(rng, 0, len(ODD_CELLS))]
    elif kind == 3:
        del table[row]
    elif kind == 4:
        table.insert(other_row, list(table[row]))
    elif kind == 5:
        table.insert(other_row % len(table), table.pop(row))
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
    """A CSV in one of the accepted forms, damaged once or twice."""
    table = digit_table(digits, 6)[between(rng, 0, 2) :]
    for _ in range(between(rng, 0, 3)):
        table = damage_table(table, rng)
    text = csv_text(table, ",,,;\t"[between(rng, 0, 5)], ["\n", "\r\n", "\r"][between(rng, 0, 3)])
    plain = text.encode()
    forms = [codecs.BOM_UTF8 + plain, text.encode("utf-16"), gzip.compress(plain)]
    forms += [zipped({"train.csv": plain}), *[plain] * 6]
    content = forms[between(rng, 0, 10)]
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
    name = list(arrays)[between(rng, 0, len(arrays))]
    kind = between(rng, 0, 3)
    if kind == 0:
        array = arrays[name]
        types = "u1 i1 i8 >i4 u8 f4 >f4 f8 f2 c8 ? S3 U2 m8[s]".split()  # noqa: SIM905
        views = [
            lambda: array[1:],
            lambda: array[:0],
            lambda: array.T,
            lambda: array[None],
            lambda: array.repeat(2, axis=0) if array.ndim else array,
            lambda: np.asfortranarray(array),
            lambda: array.ravel()[-1:],
            lambda: array.astype(types[between(rng, 0, len(types))]),
            lambda: arrays.pop(name),
            lambda: arrays[list(arrays)[between(rng, 0, len(arrays))]],
            lambda: np.where(rng.random(array.shape) < 0.01, 77, array).astype(array.dtype),
            lambda: np.where(rng.random(array.shape) < 0.1, np.nan, array).astype("f4"),
        ]
        try:
            changed = views[between(rng, 0, len(views))]()
        except (ValueError, TypeError, IndexError):  # not every view of every array makes sense
            changed = array
        if name in arrays:
            arrays[name] = changed
    with zipfile.ZipFile(io.BytesIO(packed(arrays))) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    if kind == 1:
        content = members[f"{name}.npy"]
        header = damage_bytes(content[:128], rng) if rng.random() < 0.7 else content[:128]
        members[f"{name}.npy"] = header + damage_bytes(content[128:], rng)
        if rng.random() < 0.1:
            members[name] = members.pop(f"{name}.npy")
    content = zipped(members)
    return damage_bytes(content, rng) if kind == 2 else content


def damaged_model(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> bytes:
    """A saved network with its header, an array, a member or the whole file damaged."""
    kind = between(rng, 0, 3)
    if kind == 0:
        header = json.loads(str(arrays["header"]))
        place: dict | list = header
        name: str | int = list(header)[between(rng, 0, len(header))]
        if name == "layer_sizes" and rng.random() < 0.7:
            place, name = header[name], between(rng, 0, 3)
        place[name] = ODD_NUMBERS[between(rng, 0, len(ODD_NUMBERS))]  # type: ignore[index,call-overload]
        arrays = {**arrays, "header": np.array(json.dumps(header))}
        return damaged_npz(arrays, rng) if rng.random() < 0.1 else packed(arrays)
    if kind == 1:
        text = damage_bytes(str(arrays["header"]).encode(), rng).decode(errors="replace")
        return packed({**arrays, "header": np.array(text)})
    return damaged_npz(arrays, rng)


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


# -------------------------------------------------------------------- what has to hold then


def parsed_naively(path: Path) -> tuple[list[list[float]], list[float] | None]:
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
    table = [
        [cell.strip() for cell in cells]
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if len(cells) > 1
    ]
    names = ["label", *PIXEL_NAMES][-len(table[0]) :]
    if "pixel7" in table[0]:
        names = [name.lower() for name in table.pop(0)]
        if names[0] == "":  # an index
            names[0] = "index"
    assert sorted({*names, "label"} - {"index"}) == sorted(["label", *PIXEL_NAMES])
    # Rounded, because pandas 2 reads decimals up to the 17th only, and takes 1e-20 for 0.
    rows = [
        {n: round(float(cell), 12) for n, cell in zip(names, cells) if n != "index"}
        for cells in table
    ]
    assert all(len(cells) == len(names) for cells in table)
    labels = [row["label"] for row in rows] if "label" in names else None
    return [[row[name] for name in PIXEL_NAMES] for row in rows], labels


def check_digits(images: np.ndarray, labels: np.ndarray) -> None:
    assert images.dtype == np.uint8 and images.shape[1:] == (28, 28)
    assert labels.dtype == int and labels.shape == (len(images),)
    assert set(labels.tolist()) <= set(range(10))


def check_csv(path: Path) -> None:
    images, labels = read_table(path)
    true_pixels, true_labels = parsed_naively(path)
    assert images.reshape(-1, 784).tolist() == true_pixels
    assert (None if labels is None else labels.tolist()) == true_labels
    check_digits(images, np.zeros(len(images), int) if labels is None else labels)


def check_npz(path: Path) -> None:
    data = load_data(path)
    check_digits(data.images, data.labels)
    check_digits(data.test_images, data.test_labels)
    assert len(set(data.labels.tolist())) > 1


def check_model(path: Path) -> None:
    network, metadata = load_network(path)
    assert network.parameters.dtype in (np.float32, np.float64) and isinstance(metadata, dict)
    assert np.isfinite(network.parameters).all()
    sizes = network.layer_sizes
    assert [weights.shape for weights in network.weights] == list(pairwise(sizes))
    assert sum(array.size for array in network.weights + network.biases) == network.parameters.size
    with np.errstate(all="ignore"):  # a weight may have become 1e38
        assert network.predict(np.zeros((2, sizes[0]), network.dtype)).shape == (2,)
    assert network.activation in ("relu", "leaky_relu", "sigmoid", "tanh")


def fuzz(kind: str, seeds: range, digits: Data, folder: Path) -> int:
    """Make and read a damaged file for each seed. Returns how many were accepted."""
    arrays = {"x_train": digits.images[:6], "y_train": digits.labels[:6].astype(np.uint8)}
    arrays |= {"x_test": digits.test_images[:6], "y_test": digits.test_labels[:6]}
    save_network(folder / "network.npz", NeuralNetwork([5, 4, 3]))
    with np.load(folder / "network.npz") as file:
        network = dict(file)
    make, check, name = {
        "csv": (lambda rng: damaged_csv(digits, rng), check_csv, "damaged.csv"),
        "npz": (lambda rng: damaged_npz(arrays, rng), check_npz, "damaged.npz"),
        "model": (lambda rng: damaged_model(network, rng), check_model, "damaged.npz"),
    }[kind]
    accepted = 0
    for seed in seeds:
        with warnings.catch_warnings(record=True) as noise:
            warnings.simplefilter("always")
            accepted += survives(seed, make, check, folder / name)
        assert not noise or kind != "csv", f"seed {seed} warns: {noise[0].message}"
    return accepted


def survives(seed: int, make: Callable, check: Callable, path: Path) -> bool:
    """Whether the damaged file of this seed is accepted, and rightly; False if it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(make(np.random.default_rng(seed)))
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(SECONDS)
    try:
        check(path)
    except InputError as error:
        assert str(error).startswith(str(path)), f"seed {seed}: {error}"
        return False
    except BaseException as error:
        raise AssertionError(f"seed {seed}: {error!r}") from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return True


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs an alarm against hanging")
@pytest.mark.parametrize(
    ("kind", "count"),
    [("csv", 150), ("npz", 150), ("model", 150), pytest.param("csv", 1200, marks=pytest.mark.slow)],
)
def test_damaged_files_are_refused_or_read_rightly(
    kind: str, count: int, digits: Data, tmp_path: Path
) -> None:
    accepted = fuzz(kind, range(count), digits, tmp_path)
    assert 0.02 * count < accepted < 0.8 * count  # else the damages are too hard or too soft


if __name__ == "__main__":
    mnist = load_data()
    with TemporaryDirectory() as temporary:
        seeds = range(int(sys.argv[2]), int(sys.argv[3]))
        print(fuzz(sys.argv[1], seeds, mnist, Path(temporary)), "of", len(seeds), "accepted")
