"""Make the mistakes of docs/exercises.md in a copy of the code, and draw what becomes of training.

python docs/exercises.py           # all nine figures, in about two minutes
python docs/exercises.py 2 7       # the second and the seventh

The mistakes are written down on that page only; this script reads them, and so does a test.
"""

import csv
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ["src", "tests", "data", "docs", "train.py", "experiments.py", "pyproject.toml"]
EPOCHS = 10


@dataclass(frozen=True)
class Exercise:
    """In `file`, the line `old` becomes `new`; `command` trains; then `test` fails."""

    title: str
    file: str
    old: str
    new: str
    command: str  # the flags of train.py
    figure: str
    test: str  # file::name


def read_exercises() -> list[Exercise]:
    """The exercises of the page, in its order."""
    page = (ROOT / "docs" / "exercises.md").read_text(encoding="utf-8")
    found = []
    for section in re.findall(r"^## \d.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        parts = [
            r"^## \d\. (?P<title>[^\n]+)$",
            r"^```diff\n--- (?P<file>\S+)\n-(?P<old> [^\n]*)\n\+(?P<new> [^\n]*)\n```$",
            r"^python train\.py (?P<command>[^\n]+)$",
            r"\]\((?P<figure>figures/exercise_\w+\.png)\)",
            r"^python -m pytest (?P<tests>tests/\w+\.py) -k (?P<name>test_\w+)$",
        ]
        match = re.search(".*?".join(parts), section, re.MULTILINE | re.DOTALL)
        if match is None:
            raise ValueError(f"docs/exercises.md: a part is missing in {section[:40]!r}")
        fields = match.groupdict()
        test = f"{fields.pop('tests')}::{fields.pop('name')}"
        found.append(Exercise(**fields, test=test))
    return found


def copy_code(folder: Path) -> None:
    """Copy the code, its tests and the data, so that no mistake is made in the original."""
    for name in NEEDED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "figures" if name == "docs" else "")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)


def make_mistake(folder: Path, exercise: Exercise) -> str:
    """Change the line in the copy, and return the file's text from before.

    ValueError if the file does not hold the line exactly once.
    """
    path = folder / exercise.file
    before = path.read_text(encoding="utf-8")
    if (count := before.splitlines().count(exercise.old)) != 1:
        raise ValueError(f"{exercise.file} holds {exercise.old.strip()!r} {count} times, not once")
    after = before.replace(f"\n{exercise.old}\n", f"\n{exercise.new}\n")
    path.write_text(after, encoding="utf-8")
    return before


def train_in(folder: Path, command: str) -> dict[str, list[float]]:
    """The history of a run with the code in this folder, as far as the run got, by column."""
    name = command.split()[-1]
    done = subprocess.run(
        [sys.executable, "train.py", *command.split()], cwd=folder, capture_output=True, text=True
    )
    path = folder / "results" / name / "history.csv"
    if not path.exists():
        raise RuntimeError(done.stderr)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {column: [float(row[column]) for row in rows] for column in rows[0]}


def draw(path: Path, title: str, right: dict, wrong: dict) -> None:
    """Loss and wrong answers of the code as it is (grey), and of the code with the mistake."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.3), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=12)
    same_training = right["train_loss"] == wrong["train_loss"]  # only what is measured differs
    for history, colour, name in ((right, "#777777", "as it is"), (wrong, "#d55e00", "changed")):
        epochs = history["epoch"]
        for part, style in (("train", "--"), ("validation", "-")):
            errors = [100 * (1 - accuracy) for accuracy in history[f"{part}_accuracy"]]
            for axis, values in zip(axes, (history[f"{part}_loss"], errors)):
                axis.plot(epochs, values, style, color=colour, lw=1.8, label=f"{name}, {part}")
                if part == "validation" and epochs[-1] < EPOCHS:
                    axis.plot(epochs[-1], values[-1], "X", color=colour, ms=10, clip_on=False)
                    place = {"xytext": (12, 0), "textcoords": "offset points", "va": "center"}
                    axis.annotate(
                        f"stopped in epoch {epochs[-1] + 1}", (epochs[-1], values[-1]), **place
                    )
            if part == "validation" and same_training:
                best = errors.index(min(errors))
                axes[1].plot(best, errors[best], "o", color=colour, ms=9, mfc="white", mew=2)
    for axis, what in zip(axes, ("loss", "wrong answers, %")):
        axis.set(xlabel="epoch", ylabel=what, yscale="log", xlim=(0, EPOCHS))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.grid(alpha=0.3)
    axes[1].set_ylim(top=110)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=10)
    figure.savefig(path)
    plt.close(figure)


def main() -> None:
    exercises = list(enumerate(read_exercises(), start=1))
    wanted = [int(number) for number in sys.argv[1:]] or [number for number, _ in exercises]
    with tempfile.TemporaryDirectory() as name:
        folder, right = Path(name), {}
        copy_code(folder)
        for number, exercise in exercises:
            if number not in wanted:
                continue
            flags, own_name = exercise.command.split(" --name ")
            if flags not in right:
                right[flags] = train_in(folder, f"{flags} --name unchanged{own_name}")
            before = make_mistake(folder, exercise)
            wrong = train_in(folder, exercise.command)
            (folder / exercise.file).write_text(before, encoding="utf-8")
            draw(ROOT / "docs" / exercise.figure, exercise.title, right[flags], wrong)
            print(f"{number}. {exercise.title}: docs/{exercise.figure}", flush=True)


if __name__ == "__main__":
    main()
