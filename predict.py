"""Read digits with a network that `python train.py` has made.

    python predict.py test.csv                   # Kaggle's test.csv -> results/submission.csv
    python predict.py photo.png digits/*.jpg     # one's own handwriting -> results/predictions.png
    python predict.py test.csv --model A.npz B.npz C.npz    # average their probabilities

A CSV with labels is scored as well.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in train.py: a second gains nothing
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from src.diagnostics import confusion_matrix
from src.digits.csv_reader import read_csv
from src.digits.data import ROOT
from src.digits.preprocessing import PREPROCESSING
from src.errors import InputError
from src.files import replacing
from src.model import NeuralNetwork
from src.network_file import load_network
from src.script import ArgumentParser, run_script
from src.utils import accuracy, scale

DEFAULT_MODEL = ROOT / "results" / "train" / "network.npz"
TABLES = (".csv", ".csv.gz", ".zip")


Model = tuple[NeuralNetwork, str]  # and the name of its preprocessing


def load_models(paths: list[Path]) -> list[Model]:
    """The networks of these files. Raises InputError if one does not read 28x28 digits."""
    if paths == [DEFAULT_MODEL] and not DEFAULT_MODEL.exists():
        raise InputError("there is no network yet; `python train.py` makes one")
    models = []
    for path in paths:
        network, metadata = load_network(path)
        first, *_, last = network.layer_sizes
        if (first, last) != (784, 10):
            raise InputError(f"{path}: turns {first} numbers into {last}, not 784 into 10")
        name = metadata.get("preprocessing", "none")
        if name not in list(PREPROCESSING):  # a list, because the file may hold anything
            raise InputError(f"{path}: preprocessing {name!r} is not one of {list(PREPROCESSING)}")
        models.append((network, name))
    return models


def mean_probabilities(models: list[Model], images: np.ndarray) -> np.ndarray:
    """Images (N, 28, 28) uint8 to probabilities (N, 10), averaged over the networks."""
    total = np.zeros((len(images), 10))
    for network, preprocessing in models:
        for start in range(0, len(images), 1000):  # not all at once, for memory's sake
            rows = slice(start, start + 1000)
            x = scale(PREPROCESSING[preprocessing](images[rows]), network.dtype)
            total[rows] += network.predict_probabilities(x)
    return total / len(models)


def predict_table(models: list[Model], path: Path, out: Path) -> None:
    """Answer every row of a CSV in Kaggle's format; score the answers if it has labels."""
    images, labels = read_csv(path)
    answers = mean_probabilities(models, images).argmax(axis=1)
    table = pd.DataFrame({"ImageId": np.arange(1, len(answers) + 1), "Label": answers})
    with replacing(out) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(f"saved the answers to {len(answers):,} images in {out}")
    if labels is not None:
        print(f"accuracy {accuracy(answers, labels):.2%}; row: true digit, column: answer")
        print(pd.DataFrame(confusion_matrix(labels, answers)).to_string())


def predict_pictures(models: list[Model], paths: list[Path], out: Path) -> int:
    """Answer every picture, on the terminal and in one PNG; 2 if one could not be read, else 0."""
    from src.digits.pictures import open_picture, to_digit  # here, because a CSV needs no Pillow

    names, originals, digits = [], [], []
    for path in paths:
        try:
            picture = open_picture(path)
            digits.append(to_digit(picture))
        except InputError as error:
            print(f"error: {path}: {error}", file=sys.stderr)
            continue
        names.append(path.name)
        originals.append(np.asarray(picture))
    if digits:
        from src.figures.plots import (
            plot_predictions,  # here, because matplotlib takes long to import
        )

        images = np.stack(digits)
        probabilities = mean_probabilities(models, images)
        for name, row in zip(names, probabilities):
            print(f"{name}: {row.argmax()} ({row.max():.1%} sure)")
        plot_predictions(out, names, originals, PREPROCESSING[models[0][1]](images), probabilities)
        print(f"saved what the network saw in {out}")
    return 2 if len(digits) < len(paths) else 0


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("paths", type=Path, nargs="+", help="one CSV, or pictures")
    parser.add_argument("--model", type=Path, nargs="+", default=[DEFAULT_MODEL])
    parser.add_argument("--out", type=Path, help="default: as above, in results/")
    arguments = parser.parse_args()
    paths: list[Path] = arguments.paths
    tables = [path for path in paths if path.name.lower().endswith(TABLES)]
    if tables and len(paths) > 1:
        raise InputError(f"{tables[0]}: give one CSV, or pictures, but not more at once")
    models = load_models(arguments.model)
    for path, (network, preprocessing) in zip(arguments.model, models):
        print(f"network: {path}, {network.layer_sizes}, preprocessing: {preprocessing}")
    out = arguments.out or ROOT / "results" / ("submission.csv" if tables else "predictions.png")
    if not tables:
        return predict_pictures(models, paths, out)
    predict_table(models, paths[0], out)
    return 0


if __name__ == "__main__":
    run_script(main)
