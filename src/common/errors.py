"""What ends a script but is not a bug: one line that says what is wrong, where, and what to do."""

import os
import sys


class InputError(ValueError):
    """Something a user can fix. Scripts print its message as one line and exit with status 2."""


def one_line(text: object) -> str:
    """A message on one line: control characters escaped, and its middle cut out if it is long."""
    words = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return line if len(line) <= 500 else f"{line[:330]} ... {line[-165:]}"  # the end: what to do


def explain(error: BaseException) -> int:
    """Say in one line why a script ends, and return its exit status: 1 for a bug, unsaid."""
    if isinstance(error, KeyboardInterrupt):
        print(f"\n{one_line(error) or 'stopped'}", file=sys.stderr)
        return 130
    message = str(error) or "out of memory"
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("src"):
        command = f"{sys.executable} -m pip install -r requirements.txt"
        message = f"{error.name} is not installed for this Python; run: {command}"
    elif not isinstance(error, (InputError, OSError, MemoryError)):
        return 1
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads, or a full disk: Python is not to try it once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    print("error:", one_line(message), file=sys.stderr)
    return 2
