"""Copies of the code: with an exercise's mistake its test fails, with invited edits all pass."""

import os
import re
import subprocess
import sys

import build_it
import exercises
import numpy as np
import pytest

from tests.conftest import copy_of_the_project

EXERCISES = exercises.read_exercises()


def run_tests(folder, *names):
    """pytest on these tests of the copy. Its exit status is 0 if they pass, 1 if one fails."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHONPATH"))}
    clean["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-rf", *names]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The code as it is, in another folder; there all these tests pass."""
    folder = tmp_path_factory.mktemp("copy")
    exercises.copy_code(folder)
    done = run_tests(folder, *[exercise.test for exercise in EXERCISES])
    assert done.returncode == 0, done.stdout
    return folder


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.title)
def test_the_mistake_makes_this_test_fail(copy, exercise):
    before = exercises.make_mistake(copy, exercise)
    try:
        done = run_tests(copy, exercise.test)
    finally:
        (copy / exercise.file).write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout
    assert f"FAILED {exercise.test}" in done.stdout


DROPOUT = """    "dropout": {
        "question": "How much dropout?",
        "configurations": grid(dropout=[0.0, 0.1, 0.2, 0.5]),
    },
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "edits",
    [
        [
            ("train.py", r'"hidden": .*?\),', '"hidden": (256, 128),'),
            ("train.py", r'"epochs": \d+', '"epochs": 5'),
            ("train.py", r'"activation": "\w+"', '"activation": "tanh"'),
            ("train.py", r'"seed": \d+', '"seed": 1'),
            ("experiments.py", r"HIDDEN = \[\[\], \[\d+\]", "HIDDEN = [[], [100, 50]"),
            ("experiments.py", r'    "recipes": \{', DROPOUT + '    "recipes": {'),
        ],
        [("train.py", r'"seed": 0', '"validation_fraction": 0, "seed": 0')],
    ],
    ids=["values", "no validation"],
)
def test_the_quick_tests_pass_after_edits_that_the_readme_invites(edits, tmp_path):
    project = copy_of_the_project(tmp_path)
    for file, pattern, replacement in edits:
        path = project / file
        edited, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
        assert count == 1, f"{file}: nothing like {pattern}"
        path.write_text(edited, encoding="utf-8")
    tested = run_tests(project)
    assert tested.returncode == 0, tested.stdout[-3000:]


@pytest.fixture
def solutions():
    return pytest.importorskip("solutions")  # teachers delete it before they hand the folder out


def test_the_solutions_are_right_and_what_is_to_be_written_is_not_written_yet(solutions):
    assert set(build_it.verdicts(solutions).values()) == {"right"}
    assert set(build_it.verdicts(build_it).values()) == {"not written yet"}


WRONG = {
    "squared_error": lambda logits, labels: (0.0, logits * 0),
    "swish": np.tanh,
    "adam_step": lambda *arguments: None,  # nothing moves
    "shuffle_pixels": np.copy,
}


@pytest.mark.parametrize("name", build_it.CHECKS)
def test_a_wrong_solution_is_noticed(name, solutions, monkeypatch):
    monkeypatch.setattr(solutions, name, WRONG[name])
    assert build_it.verdicts(solutions)[name] == "wrong"
