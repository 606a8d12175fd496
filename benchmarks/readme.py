"""What stands in the README about accuracy, from the results of experiments.py.

    python experiments.py hidden_layers techniques recipes ablation
    python experiments.py initializers learning_rates rate_and_batch pixels
    python experiments.py kaggle --data train.csv
    python benchmarks/ensemble.py --data train.csv
    python train.py --recipe plain --film
    python benchmarks/readme.py            # collects from results/, or from the folder given

Copies tables to docs/measured/ and figures to docs/figures/, and fills the marked places of
README.md from the tables. With --check it changes nothing and says whether README.md is up to date.
"""

import argparse
import shutil
import sys
from pathlib import Path

from tables import TABLES as BENCHMARKS
from tables import markdown, replace_block

from common import ROOT, read_rows

MEASURED, FIGURES = ROOT / "docs" / "measured", ROOT / "docs" / "figures"
TABLES = {  # file in docs/measured: file in results
    "recipes.csv": "recipes/summary.csv",
    "ensemble.csv": "kaggle/ensemble.csv",
    "ablation.csv": "ablation/summary.csv",
    "techniques.csv": "techniques/summary.csv",
    "hidden_layers.csv": "hidden_layers/summary.csv",
    "hidden_layers.txt": "hidden_layers/summary.txt",
}
PICTURES = {  # file in docs/figures: file in results
    "hidden_layers.png": "hidden_layers/comparison.png",
    "techniques.png": "techniques/answer.png",
    "initializers.png": "initializers/comparison.png",
    "initializers_signal.png": "initializers/signal.png",
    "learning_rates.png": "learning_rates/comparison.png",
    "pixels.png": "pixels/comparison.png",
    "rate_and_batch.png": "rate_and_batch/answer.png",
    "learning.png": "train/learning.png",
    "learning.gif": "train/learning.gif",
}
RECIPES = {
    "plain": "784-128-64-10, plain SGD, constant learning rate",
    "tuned": "784-128-64-10, momentum, schedule, weight decay, label smoothing",
    "best": "784-128-64-10, a standard size, distortions, 60 epochs",
    "record": "784-1024-512-10, the same with stronger distortions, 100 epochs",
}


def seconds(row: dict) -> str:
    return f"{float(row['fastest_seconds']):.1f} s"


def share(row: dict, name: str) -> str:
    return f"{float(row[name]):.2%} ± {float(row[name + '_std']):.2%}"


def recipes_table() -> str:
    """Each recipe on the test set, and `best` on held-out images of a file of Kaggle's size."""
    table = [
        [
            f"`{row['configuration']}`: {RECIPES[row['configuration']]}",
            f"{int(row['parameters']):,}",
            share(row, "test_accuracy"),
            seconds(row),
        ]
        for row in read_rows(MEASURED / "recipes.csv")
    ]
    return markdown(["recipe", "parameters", "test accuracy", "training"], table)


def kaggle_table() -> str:
    """One network, and several that vote, on the same held-out images."""
    rows = read_rows(MEASURED / "ensemble.csv")
    return markdown(["on 4,200 held-out images", "accuracy"], [list(row.values()) for row in rows])


def techniques_table() -> str:
    """What each technique adds to the last kept one above it, and whether that is more than noise.

    Kept are the first row and those whose name begins with +.
    """
    rows = read_rows(MEASURED / "techniques.csv")
    noise = max(float(row["noise"]) for row in rows if row["noise"])
    table, kept = [], None
    for row in rows:
        accuracy, gain = float(row["last_validation_accuracy"]), ""
        if kept is not None:
            gain = f"{100 * (accuracy - kept):+.2f}"
            gain += ", within noise" if abs(accuracy - kept) <= noise else ""
        if kept is None or row["configuration"].startswith("+"):
            kept = accuracy
        table.append(
            [row["configuration"], share(row, "last_validation_accuracy"), gain, seconds(row)]
        )
    header = ["technique", "validation accuracy", f"points (noise: {100 * noise:.2f})", "training"]
    return markdown(header, table)


def ablation_table() -> str:
    """What the recipe best loses without each of its techniques."""
    table = []
    for row in read_rows(MEASURED / "ablation.csv"):
        loss, noise = float(row["behind_best"]), row["noise"]
        verdict = f"{100 * loss:.2f} behind" if loss else "the best"
        if noise and loss <= float(noise):
            verdict += ", within noise"
        table.append([row["configuration"], share(row, "last_validation_accuracy"), verdict])
    return markdown(["left out of `best`", "validation accuracy", "points"], table)


def blocks() -> dict[str, str]:
    """What belongs between the marks of README.md."""
    text = (MEASURED / "hidden_layers.txt").read_text(encoding="utf-8").strip()
    sweep = read_rows(ROOT / "benchmarks" / "results" / "sweep.csv")
    return {
        "recipes": recipes_table(),
        "techniques": techniques_table(),
        "ablation": ablation_table(),
        "kaggle": kaggle_table(),
        "hidden-layers": f"```\n{text}\n```",
        "sweep": markdown(["what", "measured"], [list(row.values()) for row in sweep]),
        "environment": BENCHMARKS["environment"](),
        "speed-ratios": BENCHMARKS["speed-ratios"](),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="?", type=Path, default=ROOT / "results")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    if arguments.check:
        text = readme.read_text(encoding="utf-8")
        stale = [name for name, content in blocks().items() if content not in text]
        print(f"not up to date: {', '.join(stale)}" if stale else "up to date")
        return 1 if stale else 0
    for folder, files in ((MEASURED, TABLES), (FIGURES, PICTURES)):
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            if (arguments.results / source).is_file():
                shutil.copy(arguments.results / source, folder / name)
                print(f"{folder / name}")
    for name, content in blocks().items():
        replace_block(readme, name, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
