"""A file is whole or not there; what is in the way is refused; what is a user's own survives."""

import contextlib
import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from src.common.errors import InputError
from src.common.files import MARK, filling, locked, make_writable, replacing, settle
from tests.conftest import ROOT


def contents(folder: Path) -> dict[str, str]:
    """The text of every file below a folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


# ------------------------------------------------------------------------------------ one file


def test_replacing_writes_beside_and_renames(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert path.exists() == (text == "new")
            assert temporary.suffix == ".csv"  # pandas and matplotlib go by it
    assert contents(tmp_path) == {"new/table.csv": "new"}


def test_a_write_that_fails_leaves_the_old_file_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    for error in (OSError(errno.ENOSPC, "the disk is full"), OSError("the disk is full")):
        with pytest.raises(OSError, match="full") as caught, replacing(path) as temporary:
            temporary.write_text("half")
            raise error
        assert caught.value.filename == str(path)
        with pytest.raises(OSError, match="full") as caught, filling(tmp_path / "run") as folder:
            (folder / "a.csv").write_text("whole")
            raise error
        assert caught.value.filename == str(tmp_path / "run")
    assert contents(tmp_path) == {"table.csv": "old"}
    assert sorted(os.listdir(tmp_path)) == ["run", "table.csv"]


def test_a_link_and_a_mode_survive(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o640)
    try:
        link.symlink_to(real)
    except OSError:
        pytest.skip("this machine does not let us make links")
    mode = real.stat().st_mode
    with replacing(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"
    assert real.stat().st_mode == mode


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    targets = [tmp_path / "folder.csv"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
        targets += [tmp_path / "pipe.csv", Path(os.devnull)]
    for path in targets:
        with pytest.raises(InputError, match="is not a file"), replacing(path):
            pytest.fail("was begun")
        assert path.exists() and not path.is_file()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="is not a folder"), filling(tmp_path / "file"):
        pytest.fail("was begun")


# ---------------------------------------------------------------------------------- one folder


def fill(folder: Path, **texts: str) -> None:
    with filling(folder) as new:
        for name, text in texts.items():
            (new / f"{name}.csv").write_text(text)
        mark = {"text": list(texts.values()), "sha256": {f"{name}.csv": "" for name in texts}}
        (new / MARK).write_text(json.dumps(mark))


def test_files_of_an_earlier_run_go_and_those_of_others_stay(tmp_path: Path) -> None:
    run = tmp_path / "results" / "run"
    for text in ("1", "2"):
        fill(run, a=text, only_then=text)
        (run / "own").mkdir(exist_ok=True)
        for name in ("notes.csv", "own/plot.png"):
            (run / name).write_text("mine")
    (tmp_path / "results" / "other.csv").write_text("mine")
    mark = json.loads((run / MARK).read_text())
    mark["sha256"]["../other.csv"] = ""  # whoever wrote this
    (run / MARK).write_text(json.dumps(mark))
    fill(run, a="3")
    (run / MARK).unlink()
    assert contents(tmp_path / "results") == {
        "run/a.csv": "3",
        "run/notes.csv": "mine",
        "run/own/plot.png": "mine",
        "other.csv": "mine",
    }


def test_a_folder_is_the_old_or_the_new_one_wherever_it_is_killed(tmp_path: Path) -> None:
    """After each of its calls to the file system in turn; `settle` is what the next reader does."""

    class Killed(BaseException):
        """As after SIGKILL, nothing more is done."""

    outcomes, complete = [], False
    for killed_at in range(1, 40):
        run, calls = tmp_path / str(killed_at), itertools.count(1)
        fill(run, a="old", b="old", only_then="old")
        (run / "notes.csv").write_text("mine")

        def call(original, *arguments, calls=calls, killed_at=killed_at, **options):
            if next(calls) >= killed_at:
                raise Killed
            return original(*arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
                patch.setattr(os, name, partial(call, getattr(os, name)))
            patch.setattr(shutil, "rmtree", partial(call, shutil.rmtree))
            with contextlib.suppress(Killed):
                fill(run, a="new", b="new")
                complete = True
        settle(run)
        left = contents(run)
        texts = json.loads(left.pop(MARK))["text"]
        assert left.pop("notes.csv") == "mine"
        assert left in (
            {"a.csv": "old", "b.csv": "old", "only_then.csv": "old"},
            {"a.csv": "new", "b.csv": "new"},
        )
        assert texts == list(left.values())
        outcomes.append(left["a.csv"])
        if complete:
            break
    assert complete and outcomes == sorted(outcomes, reverse=True) and "old" in outcomes


# --------------------------------------------------------------------------- locks, permissions


def test_a_lock_is_held_by_one_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    code = "import sys; from pathlib import Path; from src.common.files import locked\n"
    code += "with locked(Path(sys.argv[1]), 'somebody is writing'): print('in')"
    command = [sys.executable, "-c", code, str(path)]
    with locked(path, "taken"):
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "InputError: somebody is writing" in second.stderr
    third = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert third.stdout == "in\n"


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_writable(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"cannot be written to.*--results"):
        make_writable(tmp_path / "new")
