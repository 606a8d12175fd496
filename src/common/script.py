"""The frame around every script: how it starts, its command line, and how it ends."""

import argparse
import builtins
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NoReturn

from src.common.errors import InputError, one_line

BLAS = ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"]
STOPS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
stops: list[float] = []  # when a signal to stop came
give_back = contextlib.ExitStack()  # closed when a script has run: what a notebook gets back


def start(name: str) -> None:
    """Begin a script with `start(__name__)`, above every import that takes long.

    One BLAS thread whatever is set outside: matrices of this size gain nothing from a second, and
    another number of threads gives other bits. A notebook has loaded NumPy before, and our modules
    as they were then: it gets its threads back in the end, and the modules are loaded anew.
    """
    script = sys._getframe(1)
    if script.f_back is None:  # not in a notebook, an IDE or a debugger, nor imported by a module
        os.environ.update(dict.fromkeys(BLAS, "1"))
        take_over()
    import numpy  # noqa: F401  # so that its threads are found
    from threadpoolctl import threadpool_limits

    limits = threadpool_limits(1, user_api="blas")
    if name == "__main__":
        from src.common.code import freeze

        give_back.enter_context(limits)
        if finder := freeze(script.f_code):
            give_back.callback(sys.meta_path.remove, finder)


def take_over() -> None:
    """Make this process ours: no traceback for what is no bug, and no print that fails.

    Ctrl-C, `kill` and a closed terminal raise KeyboardInterrupt. A second one within two seconds
    is ignored: it would break off the clean-up after the first.
    """

    def stop(*_: object) -> None:
        if not stops or time.monotonic() - stops[-1] > 2:
            stops.append(time.monotonic())
            raise KeyboardInterrupt

    def hook(kind: type, error: BaseException, traceback: TracebackType | None) -> None:
        status = explain(error)
        if status == 1:
            sys.__excepthook__(kind, error, traceback)
        sys.exit(status)

    sys.excepthook = hook
    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, stop)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115  # train.py >&-
        stream.reconfigure(errors="backslashreplace")  # what the terminal does not know
        setattr(sys, name, stream)


class ArgumentParser(argparse.ArgumentParser):
    """argparse, but a wrong argument ends as every other wrong input does: in one line.

    The description is printed as it is written.
    """

    def __init__(self, description: str | None = None) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, formatter_class=raw)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help tells more")


def whole_number(text: str) -> int:
    """A type for argparse: whole numbers from 1 to 100,000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1 to 100,000")
    return int(text)


def explain(error: BaseException) -> int:
    """Say in one line why a script ends, unless by a bug: status 1. Returns its exit status."""
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


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's main and exit with its status. What a user can fix is one line and status 2.

    A notebook gets back what `start` has borrowed.
    """
    try:
        with give_back:
            if stops:  # the import of a C extension has swallowed it
                raise KeyboardInterrupt
            status = main() or 0
            print(end="", flush=True)
    except (Exception, KeyboardInterrupt) as error:
        status = explain(error)
        if status == 1:
            raise
    if not hasattr(builtins, "__IPYTHON__"):  # it would add lines of its own
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
