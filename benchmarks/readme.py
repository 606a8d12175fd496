"""What stands in the README about accuracy, from the results of experiments.py.

    python experiments.py recipes techniques hidden_layers initializers learning_rates pixels
    python experiments.py kaggle --data train.csv
    python benchmarks/readme.py            # collects from results/, or from the folder given

Copies tables to docs/measured/ and figures to docs/figures/, and fills the marked places of
README.md from the tables. With --check it changes nothing and says whether README.md is up to date.
"""

import argparse
import shutil
import sys
from pathlib import Path

from common import ROOT, read_rows
from tables import TABLES as BENCHMARKS
from tables import markdown, replace_block

MEASURED, FIGURES = ROOT / "docs" / "measured", ROOT / "docs" / "figures"
TABLES = {  # file in docs/measured: file in results
    "recipes.csv": "recipes/summary.csv",
    "kaggle.csv": "kaggle/summary.csv",
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
    "augmentation.png": "train/augmentation.png",
}
RECIPES = {
    "plain": "784-128-64-10, plain SGD, constant learning rate",
    "tuned": "784-128-64-10, momentum, schedule, weight decay, label smoothing",
    "best": "784-128-64-10, deskewing and augmentation as well",
    "record": "784-1024-512-10, the same, 100 epochs",
}


def share(row: dict, name: str) -> str:
    return f"{float(row[name]):.2%} ± {float(row[name + '_std']):.2%}"


def recipes_table() -> str:
    """Each recipe on the test set, and `best` on held-out digits of a file of Kaggle's size."""
    table = [
        [
            f"`{row['configuration']}`: {RECIPES[row['configuration']]}",
            f"{int(row['parameters']):,}",
            share(row, "test_accuracy"),
            f"{float(row['seconds']):.0f} s",
            "`python experiments.py recipes`",
        ]
        for row in read_rows(MEASURED / "recipes.csv")
    ]
    for row in read_rows(MEASURED / "kaggle.csv"):
        table.append(
            [
                "`best` on 37,800 of 42,000 digits in Kaggle's format, on the other 4,200",
                f"{int(row['parameters']):,}",
                share(row, "last_validation_accuracy"),
                f"{float(row['seconds']):.0f} s",
                "`python experiments.py kaggle --data train.csv`",
            ]
        )
    header = ["recipe", "parameters", "accuracy", "training, one core", "command"]
    return markdown(header, table)


def techniques_table() -> str:
    """The ladder: what each rung adds to the one before, on validation images, and its time."""
    table, before = [], None
    for row in read_rows(MEASURED / "techniques.csv"):
        accuracy = float(row["last_validation_accuracy"])
        gain = "" if before is None else f"{100 * (accuracy - before):+.2f}"
        seconds = f"{float(row['seconds']):.1f} s"
        table.append([row["configuration"], share(row, "last_validation_accuracy"), gain, seconds])
        before = accuracy
    return markdown(["added in turn", "validation accuracy", "points", "training"], table)


def blocks() -> dict[str, str]:
    """What belongs between the marks of README.md."""
    text = (MEASURED / "hidden_layers.txt").read_text(encoding="utf-8").strip()
    sweep = read_rows(ROOT / "benchmarks" / "results" / "sweep.csv")
    return {
        "recipes": recipes_table(),
        "techniques": techniques_table(),
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
