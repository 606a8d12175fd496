"""What several networks that vote gain over one, on the same held-out images.

    python experiments.py kaggle --data train.csv
    python benchmarks/ensemble.py --data train.csv

Reads the networks that the experiment has left and writes results/kaggle/ensemble.csv.
"""

import argparse
from itertools import combinations
from pathlib import Path

from common import ROOT, read_rows, write_rows


def main() -> None:
    import numpy as np

    from src.digits.data import load_data
    from src.reading.saved import load_network
    from src.runs.config import Config
    from src.runs.history import prepare
    from src.utils import scale

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    arguments = parser.parse_args()
    folder = arguments.results / "kaggle"
    names = dict.fromkeys(row["folder"] for row in read_rows(folder / "curves.csv"))
    data, probabilities, labels = load_data(arguments.data), [], None
    for name in names:
        network, saved_with = load_network(arguments.results / "runs" / name / "network.npz")
        _, (images, labels) = prepare(Config(**saved_with["config"]), data)
        probabilities.append(network.predict_probabilities(scale(images)))
    rows = []
    for count in (1, len(probabilities)):
        scores = [
            np.mean(np.mean(some, axis=0).argmax(axis=1) == labels)
            for some in combinations(probabilities, count)
        ]
        what = "one network" if count == 1 else f"{count} networks, probabilities averaged"
        spread = f" ± {np.std(scores, ddof=1):.2%}" if len(scores) > 1 else ""
        rows.append({"what": f"`best`, {what}", "accuracy": f"{np.mean(scores):.2%}{spread}"})
    for row in rows:
        print(row["what"], row["accuracy"])
    write_rows(folder / "ensemble.csv", rows)


if __name__ == "__main__":
    main()
