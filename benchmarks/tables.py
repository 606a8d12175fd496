"""The README's tables, made from the CSVs in benchmarks/results/, so that no figure is typed.

    python benchmarks/tables.py                       # put them into benchmarks/README.md
    python benchmarks/tables.py README.md             # and into the places marked in another file
    python benchmarks/tables.py --print               # only show them

A file is marked by `<!-- begin NAME -->` and `<!-- end NAME -->` on lines of their own; what stands
between them is replaced. The names are the keys of TABLES.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from training_speed import BEST, FLOOR, JAX_SCAN, MOMENTUM, OURS, SKLEARN, TORCH, TUNED

from common import RESULTS, ROOT, read_rows


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table; all columns but the first are flush right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def replace_block(path: Path, name: str, content: str) -> None:
    """Put content between the markers `name` in a file. Raises ValueError if they are not there."""
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{path}: has no block {begin} ... {end}")
    block = f"{begin}\n\n{content.strip()}\n\n{end}"
    path.write_text(pattern.sub(lambda _: block, text), encoding="utf-8")


def environment() -> str:
    """One line: what the figures were measured on."""
    rows = read_rows(RESULTS / "environment.csv")
    return "Measured on: " + ", ".join(f"{row['what']} {row['value']}" for row in rows) + "."


def speed_table(threads: str) -> str:
    """Seconds of an epoch and the ratio to ours: a row a contestant, a column a batch size."""
    rows = [r for r in read_rows(RESULTS / "training_speed.csv") if r["threads"] == threads]
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    sizes = list(dict.fromkeys(row["batch_size"] for row in rows))
    found = {(row["contestant"], row["batch_size"]): row for row in rows}
    table = []
    for name in names:
        mine = [found[name, size] for size in sizes]
        cells = [
            f"{float(r['median_seconds']):.2f} s ({float(r['it_over_ours']):.2f} ×)" for r in mine
        ]
        accuracy = mine[0]["test_accuracy"]
        table.append([name, *cells, f"{float(accuracy):.1%}" if accuracy else ""])
    header = ["one epoch", *(f"batch size {size}" for size in sizes), f"accuracy ({sizes[0]})"]
    return markdown(header, table)


def all_cores_table() -> str:
    """The speed table of the run that was allowed more than one thread."""
    settings = {row["threads"] for row in read_rows(RESULTS / "training_speed.csv")} - {"1"}
    if not settings:
        return "Not measured: the machine has one core."
    threads = max(settings, key=int)
    return f"With {threads} threads:\n\n{speed_table(threads)}"


def ratio_table() -> str:
    """The ratios to look at, one BLAS thread: everyone beside ours, ours beside the products."""
    rows = [r for r in read_rows(RESULTS / "training_speed.csv") if r["threads"] == "1"]
    seconds = {(r["contestant"], r["batch_size"]): float(r["median_seconds"]) for r in rows}
    sizes = list(dict.fromkeys(row["batch_size"] for row in rows))
    pairs = [
        (f"{FLOOR} / ours", FLOOR, OURS),
        (f"ours / {TUNED}", OURS, TUNED),
        ("PyTorch eager / ours", TORCH, OURS),
        ("scikit-learn / ours", SKLEARN, OURS),
        ("JAX, whole epoch in one jitted scan / ours", JAX_SCAN, OURS),
        ("ours / ours with momentum", OURS, MOMENTUM),
        ("ours / ours with everything in the recipe best", OURS, BEST),
    ]
    table = [
        [label, *(f"{seconds[above, size] / seconds[below, size]:.2f}" for size in sizes)]
        for label, above, below in pairs
        if (above, sizes[0]) in seconds and (below, sizes[0]) in seconds
    ]
    return markdown(["ratio of times", *(f"batch size {size}" for size in sizes)], table)


def startup_table() -> str:
    """All rows of startup_and_loading.csv."""
    rows = read_rows(RESULTS / "startup_and_loading.csv")
    return markdown(
        ["what", "median", "lowest to highest"],
        [
            [
                row["what"],
                f"{row['median']} {row['unit'].replace('x', '×')}",
                "" if row["min"] == row["max"] else f"{row['min']} to {row['max']}",
            ]
            for row in rows
        ],
    )


def scaling_table() -> str:
    """All rows of scaling.csv, with the cost of a unit of arithmetic."""
    return markdown(
        ["varied", "layers", "images/s", "MFLOP an image", "ps a FLOP", "peak MB"],
        [
            [
                f"{row['varied']} {int(row['value']):,}",
                row["layers"],
                f"{int(row['images_per_second']):,}",
                f"{int(row['flop_per_image']) / 1e6:.2f}",
                row["picoseconds_per_flop"],
                row["peak_megabytes"],
            ]
            for row in read_rows(RESULTS / "scaling.csv")
        ],
    )


TABLES: dict[str, Callable[[], str]] = {
    "environment": environment,
    "speed-one-thread": lambda: speed_table("1"),
    "speed-all-cores": all_cores_table,
    "speed-ratios": ratio_table,
    "startup": startup_table,
    "scaling": scaling_table,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, default=[ROOT / "benchmarks" / "README.md"])
    parser.add_argument("--print", action="store_true")
    arguments = parser.parse_args()
    for name, make in TABLES.items():
        try:
            content = make()
        except FileNotFoundError as error:
            print(f"{name}: not measured yet ({error.filename})", file=sys.stderr)
            continue
        if arguments.print:
            print(f"\n{content}")
            continue
        for path in arguments.files:
            if f"<!-- begin {name} -->" in path.read_text(encoding="utf-8"):
                replace_block(path, name, content)
                print(f"{path}: {name}")


if __name__ == "__main__":
    main()
