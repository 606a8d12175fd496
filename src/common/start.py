"""What comes before NumPy is imported: one BLAS thread, and a Ctrl-C that prints no traceback."""

import os
import signal
from collections.abc import Callable

BLAS = ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"]


def start(name: str) -> None:
    """Begin a script with `start(__name__)`, above every import that takes long.

    One BLAS thread whatever is set outside: matrices of this size gain nothing from a second, and
    another number of threads gives other bits. The rest is for the script that runs, not for
    workers and tests, which import it.
    """
    for variable in BLAS:
        os.environ[variable] = "1"
    if name == "__main__":
        on_stop(end_now)


def on_stop(action: Callable[[], None]) -> None:
    """Call `action` on Ctrl-C, on `kill`, and when the terminal is closed (not under nohup)."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and (name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN):
            signal.signal(number, lambda *_: action())


def end_now() -> None:
    """End where nothing can be lost: a KeyboardInterrupt would end in the middle of an import."""
    try:
        os.write(2, b"\nstopped\n")
    finally:
        os._exit(130)
