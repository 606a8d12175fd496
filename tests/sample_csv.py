"""A small table of digits as a CSV has it, for the tests that write, damage and read CSVs."""

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
