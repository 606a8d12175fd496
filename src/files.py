"""Files that are whole or not there at all, and errors that a user can act on."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np


class InputError(ValueError):
    """Something a user can put right. Its one line says what is wrong, where, and what to do."""


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


class ArgumentParser(argparse.ArgumentParser):
    """argparse, but a wrong argument ends as every other wrong input does: in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help tells more")


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's main: what a user can put right ends in one line and exit status 2."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        status = main() or 0
    except InputError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)  # one line
        status = 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        why = error.strerror or error
        print(f"error: {where}{why}; what was finished is kept", file=sys.stderr)
        status = 2
    except MemoryError as error:
        print(f"error: out of memory: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt as stopped:
        print(f"\n{stopped or 'stopped'}", file=sys.stderr)
        status = 130
    sys.exit(status)
