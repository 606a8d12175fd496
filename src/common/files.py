"""Files that are whole or not there at all."""

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import AcquireReturnProxy, FileLock, Timeout

from src.common.errors import InputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file beside `path`, then rename it into place: a reader never sees half of it.

    with replacing(path) as temporary: write(temporary)

    A link stays a link, and the file keeps its mode. Raises InputError if a folder, a device or a
    pipe is in the way, and OSError that names the path, as that of a full disk does not.
    """
    target = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a file; give another name to write to")
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        message = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, message, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def locked(path: Path, message: str) -> AcquireReturnProxy:
    """Hold the lock file `path` in a with block. Raises InputError(message) if another does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(path).acquire(timeout=0)
    except Timeout:
        raise InputError(message) from None


def read_npz(path: Path, keys: list[str], limit: int = 2**31) -> dict[str, np.ndarray]:
    """The arrays of an .npz file that need not be trusted: nothing is unpickled.

    Raises InputError if it is not a sound .npz, lacks one of `keys`, or has or unpacks to over
    `limit` bytes, and OSError if it cannot be read at all.
    """
    too_large = InputError(f"{path}: has more than {limit:,} bytes, or unpacks to more")
    if path.stat().st_size > limit:
        raise too_large
    content = io.BytesIO(path.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as file:
            if sum(member.file_size for member in file.zip.infolist()) > limit:
                raise too_large
            found = {key: np.asanyarray(file[key]) for key in file.files}
    except InputError:
        raise
    except Exception as error:  # damaged bytes make zipfile, zlib and NumPy fail in a dozen ways
        raise InputError(f"{path}: not a sound .npz file ({error!r}); fetch it again") from error
    if missing := [key for key in keys if key not in found]:
        names = ", ".join(map(repr, found)) or "nothing"
        raise InputError(f"{path}: has no array {missing[0]!r}, only {names}")
    return found


def make_writable(folder: Path, flag: str = "--results") -> None:
    """Make a folder; better to fail here than after the training. InputError names the flag."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "cannot be written to")
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; choose another with {flag}") from error


def keep_only(folder: Path, names: list[str]) -> None:
    """Remove the figures that were listed here before and are not among `names`, and list these.

    What others have put into the folder stays.
    """
    listed = folder / ".figures"
    before = listed.read_text("utf-8", "replace").splitlines() if listed.is_file() else []
    for name in set(before) - set(names):
        if name.endswith((".png", ".svg", ".pdf")):
            (folder / Path(name).name).unlink(missing_ok=True)
    listed.write_text("\n".join(names), "utf-8")
    remove_half_written(folder)


def remove_half_written(folder: Path) -> None:
    """Remove what processes that were killed have left half written. Nobody else may write here."""
    for path in folder.glob(".*.partial*"):
        path.unlink(missing_ok=True)
