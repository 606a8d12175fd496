"""Read digits with a network that `python train.py` has made.

    python predict.py test.csv                   # Kaggle's test.csv -> results/submission.csv
    python predict.py photo.jpg sheets/          # one's own handwriting -> results/predictions.png
    python predict.py test.csv --model A.npz B.npz C.npz    # average their probabilities

A picture may show one digit or up to 60; of a folder, all pictures are read. A CSV with labels is
scored, and its answers are written only if --out says where.
"""

from src.common.start import start

start(__name__)  # before NumPy is imported: one BLAS thread

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from src.common.errors import InputError, one_line
from src.common.files import make_writable, replacing
from src.common.script import ArgumentParser, run_script
from src.digits.data import ROOT
from src.digits.formats import is_table, read_table
from src.digits.preprocessing import PREPROCESSING
from src.reading.saved import DEFAULT_MODEL, Model, doubts, load_models, mean_probabilities
from src.utils import confusion_matrix

SURE = 0.8  # below it the next likely digit is named as well


def predict_table(
    models: list[Model], images: np.ndarray, labels: np.ndarray | None, out: Path | None
) -> None:
    """Answer every image (N, 28, 28) of a table; score the answers if it has labels (N,)."""
    answers = mean_probabilities(models, images).argmax(axis=1)
    if labels is None or out is not None:
        out = out or ROOT / "results" / "submission.csv"
        table = pd.DataFrame({"ImageId": np.arange(1, len(answers) + 1), "Label": answers})
        make_writable(out.parent, "--out")
        with replacing(out) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
        print(f"saved the answers to {len(answers):,} images in {out}")
    if labels is not None:
        print(f"accuracy {np.mean(answers == labels):.2%}; row: true digit, column: answer")
        print(pd.DataFrame(confusion_matrix(labels, answers)).to_string())


def describe(probabilities: np.ndarray) -> str:
    """The digits (N, 10) of one picture in words: the answer, and how sure it is."""
    answers, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    worst = int(surest.argmin())
    digit, second = np.argsort(-probabilities[worst], kind="stable")[:2]
    if len(answers) == 1:
        if surest[0] >= SURE:
            return f"{digit} ({surest[0]:.1%} sure)"
        return f"{digit} (not sure: {surest[0]:.0%}; or {second}, {probabilities[0, second]:.0%})"
    digits = "".join(map(str, answers))
    article = "an" if digit == 8 else "a"
    doubt = "" if surest[worst] >= SURE else f"; not sure, perhaps {second}"
    if surest[worst] >= 0.995:
        return f"{digits} (all at least {surest[worst]:.1%} sure)"
    least = f"digit {worst + 1}, {article} {digit}, {surest[worst] * 100:.0f} %"
    return f"{digits} (least sure: {least}{doubt})"


def orientation(images: np.ndarray, read: Callable[[np.ndarray], np.ndarray]) -> str:
    """How a sheet may lie whose digits (N, 28, 28) are read no better as they are than turned.

    "" for an upright one. Measured as the mean log p of the answers, which is above -0.08 for
    ordinary sheets; one or two digits are too few to tell.
    """
    sure = [np.log(read(np.rot90(images, turns, (1, 2))).max(axis=1)).mean() for turns in range(4)]
    best = 1 + int(np.argmax(sure[1:]))
    suspicious = len(images) > 2 and sure[0] < -0.08 and sure[best] > sure[0] - 0.03
    return ("", "on its side", "upside down", "on its side")[best if suspicious else 0]


def predict_pictures(models: list[Model], paths: list[Path], out: Path) -> int:
    """Answer every picture, on the terminal and in one PNG; 2 if one could not be read, else 0."""
    from src.figures.predictions import MOST_ROWS, plot_predictions, rows_needed
    from src.reading.pictures import find_digits, open_picture  # here: a CSV needs no OpenCV

    read = partial(mean_probabilities, models)
    shown: list[tuple] = []
    rows = answered = 0
    bar = tqdm(paths, unit=" pictures", leave=False, disable=None if len(paths) > 20 else True)
    show = print if bar.disable else bar.write  # not through the middle of the bar
    for path in bar:
        try:
            page = find_digits(open_picture(path), read)
        except InputError as error:
            print(one_line(f"error: {path}: {error}"), file=sys.stderr)
            continue
        images = np.stack([digit.image for digit in page.digits])
        probabilities = read(images)
        if way := orientation(images, read):
            page.remarks.append(f"may lie {way}: turn it and try again")
        show(one_line("; ".join([f"{path.name}: {describe(probabilities)}", *page.remarks])))
        answered += 1
        rows += rows_needed(len(images))
        if not shown or rows <= MOST_ROWS:  # the others are not kept, for memory's sake
            seen = PREPROCESSING[models[0][1]](images)
            boxes = [digit.box for digit in page.digits]
            shown.append((one_line(path.name), page.picture, boxes, seen, probabilities))
    if shown:
        plot_predictions(out, shown, answered)
        print(f"saved what the network saw in {out}")
    return 2 if answered < len(paths) else 0


def check_out(out: Path, inputs: list[Path]) -> None:
    """Raise InputError if writing `out` would replace an input, or what is no ordinary file."""
    if out.exists() and not out.is_file():
        raise InputError(f"--out {out}: is a folder or a device; give the name of a file")
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError(f"--out {out}: is read as well; give another name")


def pictures_in(paths: list[Path]) -> list[Path]:
    """The paths, each folder replaced by the pictures that are in it, by name."""
    from src.reading.pictures import SUFFIXES

    found = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES)
        if not inside:
            raise InputError(f"{path}: no pictures in this folder ({', '.join(SUFFIXES)})")
        found += inside
    return found


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("paths", type=Path, nargs="+", help="one CSV, or pictures, or folders")
    parser.add_argument("--model", type=Path, nargs="+", default=[DEFAULT_MODEL])
    parser.add_argument("--out", type=Path, help="default: as above, in results/")
    arguments = parser.parse_args()
    paths: list[Path] = arguments.paths
    tables = [path for path in paths if is_table(path)]
    if tables and len(paths) > 1:
        raise InputError(f"{tables[0]}: give one CSV, or pictures, but not more at once")
    if not tables:
        paths = pictures_in(paths)
    name = "submission.csv" if tables else "predictions.png"
    out: Path = arguments.out or ROOT / "results" / name
    check_out(out, [*paths, *arguments.model])
    models = load_models(arguments.model)
    for path, (network, preprocessing) in zip(arguments.model, models):
        print(one_line(f"network: {path}, {network.layer_sizes}, preprocessing: {preprocessing}"))
    images, labels = read_table(paths[0], "test") if tables else (np.empty((0, 28, 28)), None)
    for line in doubts(arguments.model, images):
        print(one_line(f"note: {line}"), file=sys.stderr)
    if not tables:
        make_writable(out.parent, "--out")
        return predict_pictures(models, paths, out)
    predict_table(models, images, labels, arguments.out)
    return 0


if __name__ == "__main__":
    run_script(main)
