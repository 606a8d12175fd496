"""The frame around every script: its command line, and how it ends."""

import argparse
import io
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from src.errors import InputError


def one_line(text: str, limit: int = 500) -> str:
    """Text as one line of at most `limit` characters; what cannot be printed is shown escaped."""
    words = " ".join(text.split())
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return safe if len(safe) <= limit else f"{safe[: limit - 1]}…"


class ArgumentParser(argparse.ArgumentParser):
    """argparse, but a wrong argument ends as every other wrong input does: in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help tells more")


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's main: what a user can put right ends in one line and exit status 2."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows ASCII only
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        status = main() or 0
    except InputError as error:
        print(one_line(f"error: {error}"), file=sys.stderr)
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
