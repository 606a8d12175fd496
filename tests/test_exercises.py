"""Each mistake of docs/exercises.md makes its test fail; the solutions to the tasks are right."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.docs_script import docs_script

exercises = docs_script("exercises")
EXERCISES = exercises.read_exercises()


def run_tests(folder: Path, *names: str) -> subprocess.CompletedProcess:
    """pytest on these tests of the copy. Its exit status is 0 if they pass, 1 if one fails."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    clean["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rf", *names]
    options = {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run(command, cwd=folder, env=clean, **options)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    exercises.copy_code(folder)
    return folder


def test_there_are_nine_and_no_two_alike():
    assert len(EXERCISES) == 9
    assert len({(exercise.file, exercise.new) for exercise in EXERCISES}) == 9
    assert len({exercise.figure for exercise in EXERCISES}) == 9


def test_as_the_code_is_all_these_tests_pass(copy):
    done = run_tests(copy, *[exercise.test for exercise in EXERCISES])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.title)
def test_the_mistake_makes_this_test_fail(copy, exercise):
    before = exercises.make_mistake(copy, exercise)
    try:
        done = run_tests(copy, exercise.test)
    finally:
        (copy / exercise.file).write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout
    assert f"FAILED {exercise.test}" in done.stdout


def test_the_solutions_are_right_and_what_is_to_be_written_is_not_written_yet():
    build_it, solutions = docs_script("build_it"), docs_script("solutions")
    assert set(build_it.verdicts(solutions).values()) == {"right"}
    assert set(build_it.verdicts(build_it).values()) == {"not written yet"}


@pytest.mark.parametrize("name", docs_script("build_it").CHECKS)
def test_a_wrong_solution_is_noticed(name, monkeypatch):
    build_it, solutions = docs_script("build_it"), docs_script("solutions")
    right = getattr(solutions, name)
    wrong = {
        "squared_error": lambda logits, labels: (right(logits, labels)[0], logits * 0),
        "swish": lambda z: right(z) + 0.01,
        "adam_step": lambda p, g, m, s, step: right(p, g, m, s, 1),
        "shuffle_pixels": lambda images: np.stack(
            [right(x[None], i)[0] for i, x in enumerate(images)]
        ),
    }
    monkeypatch.setattr(solutions, name, wrong[name])
    assert build_it.verdicts(solutions)[name] == "wrong"
