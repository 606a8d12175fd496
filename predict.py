"""Read digits with a network that `python train.py` has made.

    python predict.py test.csv                   # Kaggle's test.csv -> results/submission.csv
    python predict.py photo.jpg sheets/          # your own handwriting -> results/predictions.png
    python predict.py photo.jpg --out answers.csv           # the same as a table
    python predict.py test.csv --model A.npz B.npz C.npz    # average their probabilities

A picture may show one digit or many, in lines; all pages of a file and all pictures in a folder are
read. A table with labels is scored, and its answers are written only if --out says where.
"""

from src.common.script import ArgumentParser, run_script, start

start(__name__)  # before NumPy is imported: one BLAS thread

import glob
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.common.errors import InputError, one_line
from src.common.files import make_writable, replacing
from src.digits.data import ROOT
from src.digits.formats import is_table, read_table
from src.digits.preprocessing import PREPROCESSING
from src.reading.saved import DEFAULT_MODEL, Model, doubts, load_models, mean_probabilities
from src.utils import confusion_matrix

SAVED = (".csv", ".csv.gz", ".zip")  # tables that are written
FIGURES = (".png", ".svg", ".pdf")
COLUMNS = ["file", "page", "line", "position", "digit", "probability", "second guess", "box"]
MOST_PAGES = 12  # in one figure
SURE = 0.8  # below it the next likely digit is named as well


def save_table(out: Path, table: pd.DataFrame) -> None:
    """Write a CSV, packed as its name says, under the name of `out` in a .zip."""
    named = {"method": "zip", "archive_name": f"{out.stem}.csv"}
    how = named if out.suffix.lower() == ".zip" else "infer"
    with replacing(out) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", compression=how)
    print(f"saved {len(table):,} answers in {out}")


def describe(probabilities: np.ndarray) -> str:
    """The digits (N, 10) of one line in words: the answers, and how sure they are."""
    surest = probabilities.max(axis=1)
    worst, digits = int(surest.argmin()), "".join(map(str, probabilities.argmax(axis=1)))
    digit, second = np.argsort(-probabilities[worst], kind="stable")[:2]
    least, other = min(surest[worst], 0.999), probabilities[worst, second]  # no 100%
    if len(digits) == 1:
        doubt = f"not sure: {least:.0%}; or {second}, {other:.0%}"
        return f"{digits} ({least:.1%} sure)" if least >= SURE else f"{digits} ({doubt})"
    if least >= 0.995:
        return f"{digits} (all at least {least:.1%} sure)"
    place, a = worst + 1, "an" if digit == 8 else "a"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place % 10 * (place % 100 not in (11, 12, 13)), "th")
    doubt = "" if least >= SURE else f"; not sure, perhaps {second}"
    return f"{digits} (least sure: the {place}{ending} digit, {a} {digit}, {least:.0%}{doubt})"


def predict_pictures(models: list[Model], paths: list[Path], out: Path) -> int:
    """Answer every picture, on the terminal and in one file; 2 if one could not be read, else 0."""
    from src.figures.predictions import plot_predictions
    from src.reading.pictures import read_pages

    table: list[tuple] = []
    shown: list[tuple[str, Any]] = []
    answered = status = 0
    for path in paths:
        for number, page in read_pages(path, partial(mean_probabilities, models)):
            which = f", page {number}" * (number > 1)
            if isinstance(page, InputError):
                print(one_line(f"error: {path}{which}: {page}"), file=sys.stderr)
                status = 2
                continue
            said = []
            for line, digits in enumerate(page.lines, 1):
                said.append(describe(np.stack([digit.probabilities for digit in digits])))
                for place, digit in enumerate(digits, 1):
                    best, second = np.argsort(-digit.probabilities, kind="stable")[:2]
                    box = " ".join(str(round(page.scale * side)) for side in digit.box)
                    sure = digit.probabilities[best].round(6)
                    where = one_line(path.name), number, line, place
                    table.append((*where, best, sure, second, box))
            name = one_line(f"{path.name}{which}")
            said[0] = "; ".join([f"{name}: {said[0]}", *page.remarks])
            print("\n  ".join(said))
            answered += 1
            if len(shown) < MOST_PAGES:  # the others are not kept, for memory's sake
                shown.append((name, page))
    if table and out.name.lower().endswith(SAVED):
        save_table(out, pd.DataFrame(table, columns=COLUMNS))
    elif shown:
        plot_predictions(out, shown, PREPROCESSING[models[0][1]], answered)
        print(f"saved what the network saw in {out}")
    return status


def check_out(out: Path, suffixes: tuple[str, ...], inputs: list[Path]) -> None:
    """Raise InputError if `out` is no such file, or is one of the inputs."""
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise InputError(f"--out {out}: is read as well; give another name")
    if not out.name.lower().endswith(suffixes):
        raise InputError(f"--out {out}: give a name that ends with {', '.join(suffixes)}")


def main() -> int:
    parser = ArgumentParser(__doc__)
    parser.add_argument("paths", nargs="+", help="one table, or pictures, or folders")
    saved = "networks of train.py (default: results/train/network.npz)"
    parser.add_argument("--model", type=Path, nargs="+", default=[DEFAULT_MODEL], help=saved)
    parser.add_argument("--out", type=Path, help="default: as above, in results/")
    parser.add_argument(
        "--probabilities", action="store_true", help="a column for each digit (tables only)"
    )
    asked = parser.parse_args()
    paths: list[Path] = []
    for word in asked.paths:  # a Windows terminal leaves *.png to the program
        found = [] if Path(word).exists() else sorted(glob.glob(word))
        paths += [Path(name) for name in found or [word]]
    table = is_table(paths[0])
    if len(paths) > 1 and any(map(is_table, paths)):
        raise InputError(f"{paths[0]}: give one table, or pictures, but not more at once")
    if not table:
        try:  # here: a table needs no OpenCV
            from src.reading.pictures import pictures_in
        except ImportError as error:
            need = "opencv-python-headless; if there is none for this Python, take another Python"
            raise InputError(f"pictures need the package {need} ({error})") from error
        paths = pictures_in(paths)
    if asked.probabilities and not table:
        raise InputError("--probabilities is for tables; --out answers.csv has those of pictures")
    out = asked.out or ROOT / "results" / ("submission.csv" if table else "predictions.png")
    check_out(out, SAVED if table else (*FIGURES, *SAVED), [*paths, *asked.model])
    models = load_models(asked.model)
    for path, (network, preprocessing) in zip(asked.model, models):
        advice = "; for pictures, use one of train.py --recipe best"
        line = f"network: {path}, {network.layer_sizes}, preprocessing: {preprocessing}"
        print(one_line(line + advice * (not table and preprocessing != "normalise")))
    make_writable(out.parent, "--out")
    none = np.empty((0, 28, 28), np.uint8), None
    images, labels = read_table(paths[0], "test") if table else none
    if labels is not None and asked.probabilities and not asked.out:
        raise InputError("--probabilities: the table has labels and is scored; give --out as well")
    for line in doubts(asked.model, images):
        print(one_line(f"note: {line}"), file=sys.stderr)
    if not table:
        return predict_pictures(models, paths, out)
    probabilities = mean_probabilities(models, images)
    answers = probabilities.argmax(axis=1)
    if labels is None or asked.out:
        rows = pd.DataFrame({"ImageId": np.arange(1, len(answers) + 1), "Label": answers})
        if asked.probabilities:
            rows[[f"p{digit}" for digit in range(10)]] = probabilities.round(6)
        save_table(out, rows)
    if labels is not None:
        print(f"accuracy {np.mean(answers == labels):.2%}; row: true digit, column: answer")
        print(pd.DataFrame(confusion_matrix(labels, answers)).to_string())
    return 0


if __name__ == "__main__":
    run_script(main)
