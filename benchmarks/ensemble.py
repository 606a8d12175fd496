"""What several networks that vote gain over one, on held-out images of a file like Kaggle's.

    python benchmarks/ensemble.py --data train.csv      # about three minutes

Trains the recipe `best` with several seeds, all on the same images, and averages the probabilities
of each set of networks on the images held out. Writes results/ensemble/ensemble.csv.
"""

import argparse
from itertools import combinations
from pathlib import Path

from common import ROOT, write_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    arguments = parser.parse_args()

    import numpy as np

    import train
    from src.activations import softmax
    from src.digits.data import load_data
    from src.runs.history import Recorder
    from src.runs.recipes import recipe
    from src.utils import scale

    config, data = recipe("best"), load_data(arguments.data)
    if arguments.epochs:
        config = config.with_(epochs=arguments.epochs)
    probabilities = []
    for seed in range(arguments.seeds):
        record = Recorder()
        network, history = train.train(config.with_(seed=seed), data, record)
        images, labels = record.validation
        print(f"seed {seed}: {history[-1]['validation_accuracy']:.2%}", flush=True)
        probabilities.append(softmax(network.forward(scale(images))[0]))
    rows = []
    for count in (1, len(probabilities)):
        scores = [
            np.mean(np.mean(some, axis=0).argmax(axis=1) == labels)
            for some in combinations(probabilities, count)
        ]
        what = "one network" if count == 1 else f"{count} networks, probabilities averaged"
        spread = f" ± {np.std(scores, ddof=1):.2%}" if len(scores) > 1 else ""
        rows.append({"what": f"`best`, {what}", "accuracy": f"{np.mean(scores):.2%}{spread}"})
        print(*rows[-1].values())
    write_rows(arguments.results / "ensemble" / "ensemble.csv", rows)


if __name__ == "__main__":
    main()
