"""A sweep in a process and a session of its own, as several tests start, stop and kill it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def start_sweep(
    runs: Path, data: Path, configs: dict, *more: str, jobs: int = 2, root: Path = ROOT
) -> subprocess.Popen:
    """tests/bare_sweep.py of the project in `root`; `more` are a scheduler or the word wait."""
    command = [sys.executable, str(root / "tests" / "bare_sweep.py"), str(data), str(runs)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command, str(jobs), json.dumps(configs), *more],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if "BYTECODE" not in name},
        cwd=runs.parent,
    )


def results_of(sweep: subprocess.Popen) -> dict[str, float | str]:
    """The last train loss of each run, or why it failed, when the sweep has ended well."""
    told, errors = sweep.communicate("\n", timeout=300)
    assert sweep.returncode == 0, errors
    rows = [row.removeprefix("RESULT ") for row in told.splitlines() if row.startswith("RESULT")]
    assert "training again" not in errors, errors
    return dict(json.loads(row) for row in rows) | {
        "before": int(told.split(" runs, ")[1].split()[0])
    }


def wait_for_a_result(sweep: subprocess.Popen) -> None:
    while not sweep.stdout.readline().startswith("RESULT"):
        assert sweep.poll() is None


def processes_of(session: int) -> set[int]:
    """The processes of a session that are still alive, from /proc."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.add(int(path.parent.name))
    return found


def until_nobody_is_left(session: int) -> None:
    end = time.monotonic() + 30
    while processes_of(session):
        assert time.monotonic() < end, "a process is left"
        time.sleep(0.02)
