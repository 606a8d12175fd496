"""The frame around every script: its command line, and how it ends."""

import argparse
import builtins
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from src.common.errors import InputError, explain
from src.common.start import STOPS, give_back


class ArgumentParser(argparse.ArgumentParser):
    """argparse, but a wrong argument ends as every other wrong input does: in one line.

    The description is printed as it is written.
    """

    def __init__(self, description: str | None = None) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, formatter_class=raw)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help tells more")


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from low to high."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text}: give a whole number from {low} to {high:,}")
        return int(text)

    return parse


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's main and exit with its status. What a user can fix is one line and status 2.

    A notebook gets back what `start` has borrowed.
    """
    try:
        with give_back:
            status = main() or 0
            print(end="", flush=True)
    except (Exception, KeyboardInterrupt) as error:
        status = explain(error)
        if status == 1:
            raise
    if status == 0 or not hasattr(builtins, "__IPYTHON__"):  # it would add lines of its own
        sys.exit(status)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals to stop are ignored until the block is done, so that what it writes is whole."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
