"""The tables of the pages, made from results, so that no number is typed.

    python experiments.py hidden_layers techniques recipes ablation
    python experiments.py initializers learning_rates rate_and_batch pixels
    python benchmarks/ensemble.py --data train.csv
    python benchmarks/readme.py            # collects from results/, or from the folder given

Copies tables to docs/measured/ and figures to docs/figures/, and fills every place that is marked
by `<!-- begin NAME -->` and `<!-- end NAME -->` in README.md, docs/ and benchmarks/README.md, NAME
being one of BLOCKS. With --check it changes nothing and says what is not up to date.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common import RESULTS, ROOT, read_rows

MEASURED = ROOT / "docs" / "measured"
PAGES = ["README.md", "docs/*.md", "docs/measured/*.md", "benchmarks/README.md"]
COPIES = {  # file in docs: file in results
    "measured/recipes.csv": "recipes/summary.csv",
    "measured/ensemble.csv": "ensemble/ensemble.csv",
    "measured/ablation.csv": "ablation/summary.csv",
    "measured/techniques.csv": "techniques/summary.csv",
    "measured/hidden_layers.csv": "hidden_layers/summary.csv",
    "measured/hidden_layers.txt": "hidden_layers/summary.txt",
    "figures/hidden_layers.png": "hidden_layers/comparison.png",
    "figures/techniques.png": "techniques/answer.png",
    "figures/initializers.png": "initializers/comparison.png",
    "figures/learning_rates.png": "learning_rates/comparison.png",
    "figures/pixels.png": "pixels/comparison.png",
    "figures/rate_and_batch.png": "rate_and_batch/answer.png",
}
RECIPES = {
    "plain": "784-128-64-10, plain SGD, constant learning rate",
    "tuned": "784-128-64-10, momentum, schedule, weight decay, label smoothing",
    "best": "784-128-64-10, a standard size, distortions, 60 epochs",
    "record": "784-1024-512-10, the same with stronger distortions, 100 epochs",
}


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table; all columns but the first are flush right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def seconds(row: dict) -> str:
    return f"{float(row['fastest_seconds']):.1f} s"


def share(row: dict, name: str) -> str:
    return f"{float(row[name]):.2%} ± {float(row[name + '_std']):.2%}"


def all_rows(path: Path, *header: str) -> str:
    """A CSV as it is, under this header, or its own."""
    rows = read_rows(path)
    return markdown(list(header or rows[0]), [list(row.values()) for row in rows])


def recipes() -> str:
    """Each recipe on the test set."""
    table = []
    for row in read_rows(MEASURED / "recipes.csv"):
        what = f"`{row['configuration']}`: {RECIPES[row['configuration']]}"
        cells = [share(row, "test_accuracy"), behind(row), seconds(row)]
        table.append([what, f"{int(row['parameters']):,}", *cells])
    return markdown(["recipe", "parameters", "test accuracy", "points", "training"], table)


def behind(row: dict) -> str:
    """How far a configuration lies behind the best, and whether that is within the noise."""
    loss, noise = float(row["behind_best"]), row["noise"]
    text = f"{100 * loss:.2f} behind" if loss else "the best"
    return text + (", within noise" if noise and loss <= float(noise) else "")


def techniques() -> str:
    """What each technique adds to the last kept one above it, and the distance from the best.

    Kept are the first row and those whose name begins with +.
    """
    table, kept = [], None
    for row in read_rows(MEASURED / "techniques.csv"):
        accuracy = float(row["last_validation_accuracy"])
        gain = "" if kept is None else f"{100 * (accuracy - kept):+.2f}"
        if kept is None or row["configuration"].startswith("+"):
            kept = accuracy
        cells = [share(row, "last_validation_accuracy"), gain, behind(row), seconds(row)]
        table.append([row["configuration"], *cells])
    header = ["technique", "validation accuracy", "gain, points", "distance from the best"]
    return markdown([*header, "training"], table)


def ablation() -> str:
    """What the recipe best loses without each of its techniques."""
    table = []
    for row in read_rows(MEASURED / "ablation.csv"):
        cells = [share(row, "last_validation_accuracy"), behind(row)]
        table.append([row["configuration"], *cells])
    return markdown(["left out of `best`", "validation accuracy", "points"], table)


def hidden_layers() -> str:
    text = (MEASURED / "hidden_layers.txt").read_text(encoding="utf-8").strip()
    return f"```\n{text}\n```"


def environment() -> str:
    """One line: what the speeds were measured on."""
    rows = read_rows(RESULTS / "environment.csv")
    return "Measured on: " + ", ".join(f"{row['what']} {row['value']}" for row in rows) + "."


def speed(one_thread: bool) -> str:
    """Seconds of an epoch, and how many times ours in the same training, for each batch size."""
    groups: dict[str, list[dict]] = {}
    for row in read_rows(RESULTS / "training_speed.csv"):
        if (row["threads"] == "1") == one_thread:
            training, name = row["training"], row["contestant"]
            what = name if name.endswith(training) else f"{name}: {training}"
            groups.setdefault(what, []).append(row)
    if not groups:
        return "Not measured: the machine has one core."
    table = []
    for what, rows in groups.items():
        times = [(float(row["median_seconds"]), float(row["it_over_ours"])) for row in rows]
        accuracy = rows[0]["test_accuracy"]
        cells = [f"{seconds:.2f} s ({ratio:.2f} ×)" for seconds, ratio in times]
        table.append([what, *cells, f"{float(accuracy):.1%}" if accuracy else ""])
    sizes = [row["batch_size"] for row in rows]
    header = ["one epoch", *(f"batch size {size}" for size in sizes), f"accuracy ({sizes[0]})"]
    heading = "" if one_thread else f"With {rows[0]['threads']} threads:\n\n"
    return heading + markdown(header, table)


def startup() -> str:
    """All rows of startup_and_loading.csv."""
    table = []
    for row in read_rows(RESULTS / "startup_and_loading.csv"):
        spread = "" if row["min"] == row["max"] else f"{row['min']} to {row['max']}"
        table.append([row["what"], f"{row['median']} {row['unit'].replace('x', '×')}", spread])
    return markdown(["what", "median", "lowest to highest"], table)


BLOCKS: dict[str, Callable[[], str]] = {
    "recipes": recipes,
    "techniques": techniques,
    "ablation": ablation,
    "hidden-layers": hidden_layers,
    "kaggle": partial(all_rows, MEASURED / "ensemble.csv", "on 4,200 held-out images", "accuracy"),
    "sweep": partial(all_rows, RESULTS / "sweep.csv", "what", "measured"),
    "environment": environment,
    "speed-one-thread": partial(speed, True),
    "speed-all-cores": partial(speed, False),
    "startup": startup,
}


def fill(text: str, page: str) -> str:
    """The text of a page with all marked blocks made anew; what was not measured stays."""
    for name in re.findall(r"<!-- begin (.+?) -->\n", text):
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if name not in BLOCKS:
            continue
        try:
            block = f"{begin}\n\n{BLOCKS[name]().strip()}\n\n{end}"
        except FileNotFoundError as error:
            print(f"{page}: {name}: not measured yet ({error.filename})", file=sys.stderr)
            continue
        text = re.sub(f"{begin}\n.*?{end}", lambda _, new=block: new, text, flags=re.DOTALL)
    return text


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("results", nargs="?", type=Path, default=ROOT / "results")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    for name, source in COPIES.items():
        if not arguments.check and (arguments.results / source).is_file():
            print(shutil.copy(arguments.results / source, ROOT / "docs" / name))
    stale = []
    for page in sorted(path for pattern in PAGES for path in ROOT.glob(pattern)):
        text = page.read_text(encoding="utf-8")
        filled = fill(text, page.name)
        if filled != text:
            stale.append(page.relative_to(ROOT).as_posix())
            if not arguments.check:
                page.write_text(filled, encoding="utf-8")
    if arguments.check:
        print(f"not up to date: {', '.join(stale)}" if stale else "up to date")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
