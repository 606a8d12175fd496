"""Each mistake of docs/exercises.md makes the test fail that the page names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs_script import docs_script

exercises = docs_script("exercises")
EXERCISES = exercises.read_exercises()


def run_tests(folder: Path, *names: str) -> subprocess.CompletedProcess:
    """pytest on these tests of the copy. Its exit status is 0 if they pass, 1 if one fails."""
    without = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rf", *names]
    return subprocess.run(
        command,
        cwd=folder,
        env=without | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    exercises.copy_code(folder)
    return folder


def test_there_are_eight_and_no_two_alike():
    assert len(EXERCISES) == 8
    assert len({(exercise.file, exercise.old) for exercise in EXERCISES}) == 8
    assert len({exercise.figure for exercise in EXERCISES}) == 8


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
