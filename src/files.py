"""Files that are whole or not there at all."""

import contextlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from src.errors import InputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file beside `path`, then rename it into place: a reader never sees half of it.

    with replacing(path) as temporary: write(temporary)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Fill a folder beside `folder`, then move its files in together; other files there stay.

    If `folder` does not exist yet, it appears in one rename with everything in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        yield temporary
        if folder.exists():
            for file in sorted(temporary.iterdir()):
                os.replace(file, folder / file.name)
        else:
            os.rename(temporary, folder)
    except OSError as error:
        if error.errno and not error.filename:  # a full disk does not say where
            error.filename = str(folder)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_npz(path: Path, keys: list[str], limit: int = 2**31) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file that need not be trusted: nothing is unpickled.

    Raises InputError if it is no sound .npz, lacks one of `keys`, or unpacks to over `limit` bytes.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "there is no such file"
        raise InputError(f"{path}: {what}; give an .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > limit:
                raise InputError(f"{path}: unpacks to more than {limit:,} bytes")
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in keys if key not in file.files]
            if missing:
                found = ", ".join(map(repr, file.files)) or "nothing"
                raise InputError(f"{path}: has no array {missing[0]!r}, only {found}")
            return {key: np.asanyarray(file[key]) for key in file.files}
    except InputError:
        raise
    except Exception as error:  # damaged bytes make zipfile, zlib and NumPy fail in a dozen ways
        raise InputError(f"{path}: not a sound .npz file ({error!r}); fetch it again") from error


def write_json(path: Path, content: dict) -> None:
    """Write `content`, readable by people, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def make_writable(folder: Path) -> None:
    """Make a folder; better to fail here than after the training. OSError or InputError."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: cannot be written to; choose another with --results")
