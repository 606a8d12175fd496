"""A file is whole or not there; what is in the way is refused; what is a user's own survives."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from src.common import files
from src.common.errors import InputError
from src.common.files import filling, locked, make_writable, recover, replacing
from tests.conftest import ROOT


def contents(folder: Path) -> dict[str, str]:
    """The text of every file below a folder, but for the list of what is ours."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != files.WRITTEN]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def fill(folder: Path, **texts: str) -> None:
    with filling(folder) as new:
        for name, text in texts.items():
            (new / f"{name}.csv").write_text(text)


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
    assert os.listdir(tmp_path) == ["table.csv"]


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


def test_a_folder_appears_as_a_whole_and_so_does_the_next(tmp_path: Path) -> None:
    run = tmp_path / "results" / "run"
    with filling(run) as new:
        (new / "a.csv").write_text("a")
        assert not run.exists()
    with filling(run) as new:
        (new / "a.csv").write_text("b")
        assert contents(run) == {"a.csv": "a"}
    assert contents(run) == {"a.csv": "b"}
    assert os.listdir(tmp_path / "results") == ["run"]


def test_files_of_an_earlier_run_go_and_those_of_others_stay(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.txt").write_text("mine")
    for text in ("1", "2"):
        fill(run, a=text, only_then=text)
        (run / "own").mkdir(exist_ok=True)
        (run / "own" / "plot.png").write_text("mine")
    fill(run, a="3")
    assert contents(run) == {"a.csv": "3", "notes.txt": "mine", "own/plot.png": "mine"}


@pytest.mark.parametrize("killed_at", [1, 2, 3, 4])
def test_a_run_killed_while_it_swaps_is_repaired(
    killed_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each rename in turn: old aside, new in place, a user's files one by one."""
    run = tmp_path / "run"
    fill(run, a="old", only_then="old")
    for name in ("notes.txt", "more.txt"):
        (run / name).write_text("mine")
    calls = []

    class Killed(BaseException):
        """As after SIGKILL, nothing more is written."""

    def rename(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) >= killed_at:
            raise Killed
        os.replace(source, target)

    def nothing(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        patch.setattr(shutil, "rmtree", nothing)
        with pytest.raises(Killed):
            fill(run, a="new")
    recover(run)
    mine = {"notes.txt": "mine", "more.txt": "mine"}
    if killed_at <= 2:
        assert contents(run) == {"a.csv": "old", "only_then.csv": "old", **mine}
    else:
        assert contents(run) == {"a.csv": "new", **mine}
    assert os.listdir(tmp_path) == ["run"]


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    fill(tmp_path / "run", a="a")
    (tmp_path / ".run.123.partial").mkdir()
    (tmp_path / "run" / ".a.123.partial.csv").write_text("half")
    (tmp_path / ".running.123.partial").mkdir()  # another's
    recover(tmp_path / "run")
    assert sorted(os.listdir(tmp_path)) == [".running.123.partial", "run"]
    assert sorted(os.listdir(tmp_path / "run")) == [files.WRITTEN, "a.csv"]


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
