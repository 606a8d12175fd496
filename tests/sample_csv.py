"""A small table of digits as a CSV has it, and how the refusal of a file is checked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from src.common.errors import InputError
from src.digits.data import Data

PIXEL_NAMES = [f"pixel{number}" for number in range(784)]


def digit_table(digits: Data, rows: int) -> list[list[str]]:
    """Kaggle's header and the first `rows` digits, cell by cell, label first."""
    table = [["label", *PIXEL_NAMES]]
    for image, label in zip(digits.images[:rows], digits.labels[:rows]):
        table.append([str(label), *map(str, image.ravel())])
    return table


def csv_text(table: list[list[str]], delimiter: str = ",", newline: str = "\n") -> str:
    """The table as the text of a CSV."""
    return "".join(delimiter.join(cells) + newline for cells in table)


def assert_refused(read: Callable[[Path], object], path: Path, words: str) -> None:
    """read(path) raises InputError with one line, which has all the words between the bars."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    for piece in (str(path), *words.split(" | ")):
        assert piece in message
    assert sorted(path.parent.rglob("*")) == before  # nothing is left
