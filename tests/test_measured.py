"""Numbers that nobody typed, or that a test reads: the pages say what the results say."""

import csv
import re
import subprocess
import sys

from tests.conftest import ROOT


def test_the_tables_are_those_of_the_results() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "readme.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_three_numbers_of_the_front_page() -> None:
    with (ROOT / "docs" / "measured" / "recipes.csv").open(encoding="utf-8") as file:
        rows = {row["configuration"]: row for row in csv.DictReader(file)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    limits = {"plain": 10, "best": 60, "record": 600}  # "10 seconds", "under a minute", "in ten"
    claimed = re.findall(r"\*\*([\d.]+)%\*\*", readme)[:3]
    for percent, (name, seconds) in zip(claimed, limits.items(), strict=True):
        assert f"{float(rows[name]['test_accuracy']):.1%}" == f"{percent}%"
        assert float(rows[name]["fastest_seconds"]) <= seconds
