"""The frame around every script: its command line, what it prints on, and how it ends."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from src.common.errors import InputError
from src.common.start import end_now, on_stop

LONGEST = 500  # characters of an error line


class ArgumentParser(argparse.ArgumentParser):
    """argparse, but a wrong argument ends as every other wrong input does: in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help tells more")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from low to high."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text}: give a whole number from {low} to {high:,}")
        return int(text)

    return parse


def one_line(text: object) -> str:
    """A message on one line: control characters escaped, and its middle cut out if it is long."""
    words = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    if len(line) <= LONGEST:
        return line
    return f"{line[: LONGEST * 2 // 3]} ... {line[-LONGEST // 3 :]}"  # the end says what to do


class Patient:
    """stdout or stderr on which no print fails: `python train.py | head -1` trains to its end.

    Characters that a terminal does not know are escaped. A write that fails is noted, and what
    comes after it goes nowhere.
    """

    def __init__(self, stream: Any) -> None:
        # None if it is closed: python train.py >&-
        self.stream = stream or open(os.devnull, "w")  # noqa: SIM115
        self.stream.reconfigure(errors="backslashreplace")
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        self.patiently(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        self.patiently(self.stream.flush)

    def patiently(self, action: Callable, *arguments: str) -> None:
        try:
            action(*arguments)
        except OSError as error:
            self.failure = error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


stops: list[None] = []  # grows with every signal to stop


def interrupt() -> NoReturn:
    stops.append(None)
    raise KeyboardInterrupt


def run_script(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's main. What a user can fix ends in one line and exit status 2."""
    out = sys.stdout = Patient(sys.stdout)  # type: ignore[assignment]
    sys.stderr = Patient(sys.stderr)  # type: ignore[assignment]
    try:
        on_stop(interrupt)
        status = main() or 0
        out.flush()
        if out.failure and not isinstance(out.failure, BrokenPipeError):  # a full disk, say
            status = failed(f"some output could not be printed: {out.failure.strerror}")
    except InputError as error:
        status = failed(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        status = failed(f"{where}{error.strerror or error}; what was finished is kept")
    except MemoryError as error:
        status = failed(f"out of memory: {error}")
    except KeyboardInterrupt as stopped:
        print(f"\n{one_line(str(stopped)) or 'stopped'}", file=sys.stderr)
        status = 130
    except Exception:
        if not stops:
            raise
        print("\nstopped", file=sys.stderr)  # in C code, which made another error of it
        status = 130
    on_stop(end_now)
    sys.exit(status)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals to stop are ignored until the block is done, so that what it writes is whole."""
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before = {n: signal.signal(n, signal.SIG_IGN) for n in numbers if n}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def failed(message: object) -> int:
    print("error:", one_line(message), file=sys.stderr)
    return 2
