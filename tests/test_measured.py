"""Figures that nobody typed: the tables of the documents are those of the committed results."""

import subprocess
import sys

from tests.conftest import ROOT


def test_the_readme_says_what_was_measured() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "readme.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
