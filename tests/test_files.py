"""A file is whole or not there; what is in the way is refused; what is a user's own survives."""

import errno
import os
from pathlib import Path

import pytest

from src.common.errors import InputError
from src.common.files import keep_only, locked, make_writable, replacing


def test_replacing_writes_beside_and_renames(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert path.exists() == (text == "new")
            assert temporary.suffix == ".csv"  # pandas and matplotlib go by it
    assert path.read_text() == "new" and os.listdir(path.parent) == ["table.csv"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "it is full"), OSError("it is full")])
def test_a_write_that_fails_leaves_the_old_file_and_says_where(
    tmp_path: Path, error: OSError
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="full") as caught, replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert caught.value.filename == str(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["table.csv"]


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


def test_a_lock_is_held_by_one_and_then_free_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    with locked(path, "free"), pytest.raises(InputError, match="somebody is writing"):
        locked(path, "somebody is writing")
    with locked(path, "free again"):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_writable(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"cannot be written to.*--results"):
        make_writable(tmp_path / "new")


def test_only_figures_that_are_listed_are_removed_and_what_is_half_written(tmp_path: Path) -> None:
    keep_only(tmp_path, ["a.png", "b.png"])
    for name in ("a.png", "b.png", "mine.png", "network.npz", ".run.123.partial.csv"):
        (tmp_path / name).touch()
    with (tmp_path / ".figures").open("a") as file:
        file.write("\n\nnetwork.npz\n../b.png\n")  # by somebody else
    keep_only(tmp_path, ["a.png"])
    left = {".figures", "a.png", "mine.png", "network.npz"}
    assert {path.name for path in tmp_path.iterdir()} == left
