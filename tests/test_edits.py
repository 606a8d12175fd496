"""What the README invites to edit may be edited: the tests stay green."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

EDITS = {  # each made in one copy: the file, what to find, and what to write in its place
    "values": [
        ("train.py", r'"hidden": .*?\),', '"hidden": (256, 128),'),
        ("train.py", r'"epochs": \d+', '"epochs": 5'),
        ("train.py", r'"activation": "\w+"', '"activation": "tanh"'),
        ("train.py", r'"seed": \d+', '"seed": 1'),
        ("experiments.py", r"HIDDEN = \[\[\], \[\d+\]", "HIDDEN = [[], [100, 50]"),
    ],
    "no validation": [("train.py", r'"seed": 0', '"validation_fraction": 0, "seed": 0')],
}


def what_is_no_source(folder: str, names: list[str]) -> set[str]:
    """For copytree: caches, and what runs have written to results/ in the root."""
    at_the_root = {"results", "train.csv", "test.csv"} if Path(folder) == ROOT else set()
    return {name for name in names if name in {".git", ".venv", "__pycache__"} | at_the_root}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_the_quick_tests_pass_after_an_edit(name: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=what_is_no_source)
    for file, pattern, replacement in EDITS[name]:
        source = (tree / file).read_text(encoding="utf-8")
        edited, count = re.subn(pattern, replacement, source, count=1)
        assert count == 1 and edited != source, f"{file}: nothing like {pattern}"
        (tree / file).write_text(edited, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    tested = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout[-3000:]
