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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.figures import style

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
    """Loss and misread images of the code as it is (grey), and of the code with the mistake.

    Where the loss stays near log 10 there is a close-up. Where only what is measured differs, the
    training curves are the same, and a circle marks each best epoch.
    """
    same_training = right["train_loss"] == wrong["train_loss"]
    stuck = len(wrong["epoch"]) > 1 and all(2.2 < loss < 2.5 for loss in wrong["train_loss"])
    panels = {"loss": "loss", "accuracy": "misread images, %"}
    panels |= {"close-up": "loss, close up"} if stuck else {}
    with style.drawing(path, (9, 3.9), title, "", (0.6, 1, 0.45, 0.7)) as figure:
        places = figure.subplots(1, len(panels), gridspec_kw={"wspace": 0.3})
        for axes, (name, what) in zip(places, panels.items()):
            for history, ink, code in (
                (right, "#777777", "as it is"),
                (wrong, "#D55E00", "changed"),
            ):
                for part, dashes in (("train", "--"), ("validation", "-")):
                    values = history[f"{part}_{'accuracy' if name == 'accuracy' else 'loss'}"]
                    if name == "accuracy":
                        values = [100 * (1 - accuracy) for accuracy in values]
                    tested = "test_set" in path.name and history is wrong and part == "validation"
                    label = f"{code}, {'test' if tested else part} images"
                    if part == "train" and same_training:
                        if history is wrong:
                            continue
                        label = "both, train images"
                    if len(values) == 1:
                        label = ""  # a cross says it
                    label = label.replace("train images", "training images")
                    axes.plot(history["epoch"], values, dashes, color=ink, lw=1.8, label=label)
                    if same_training and name == "accuracy" and part == "validation":
                        best = values.index(min(values))
                        axes.plot(best, values[best], "o", color=ink, ms=9, mfc="white", mew=2)
                if len(history["epoch"]) <= EPOCHS:
                    at, ended = history["epoch"][-1], f"stopped in epoch {len(history['epoch'])}"
                    axes.plot(at, values[-1], "X", color="black", ms=9, clip_on=False)
                    shift: dict = {"xytext": (9, 0), "textcoords": "offset points", "va": "center"}
                    axes.annotate(ended, (at, values[-1]), **shift)
            axes.set_title(what)
            if name == "close-up":
                axes.set_ylim(2.2, 2.5)
            else:
                style.log_axis(axes.yaxis, "%" if name == "accuracy" else "")
            style.whole_axis(axes)
        if same_training:
            figure.axes[0].plot([], [], "o", color="black", mfc="white", mew=2, label="best epoch")
        named = figure.axes[0].get_legend_handles_labels()
        figure.legend(*named, loc="lower center", ncols=5, columnspacing=1.4)


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
