"""One line for a whole sweep: what is done, and how long the rest will take."""

import sys
import threading
import time

from tqdm import tqdm

from src.runs.config import Config
from src.runs.workers import STEP

PRIOR_SECONDS = 4.0  # how long the guess at the machine's speed is trusted like a measurement


def epoch_work(config: Config, images: int) -> float:
    """Roughly the seconds of one epoch: products for each image, and an update for each step."""
    weights = sum(a * b for a, b in zip(config.layer_sizes, config.layer_sizes[1:]))
    an_image = 1e-6 + 6e-11 * weights + (6e-6 if config.augmentation != "none" else 0)
    a_step = 6e-5 + 4e-10 * weights * (3 if config.momentum else 1)
    return images * (an_image + a_step / config.batch_size) + 0.03


def seconds_left(done: float, total: float, elapsed: float, jobs: int) -> float:
    """The time for the rest of the work, at the mean speed so far.

    All in the units of epoch_work, a guess at seconds: at first that guess is believed, as if it
    had been seen to hold for PRIOR_SECONDS; what has been measured since outweighs it soon.
    """
    speed = (done + jobs * PRIOR_SECONDS) / (elapsed + PRIOR_SECONDS)
    return max(0.0, total - done) / speed


def steady(shown: float, now: float) -> float:
    """The next estimate to show: towards `now`, by at most 15 % at a time."""
    return min(max(now, 0.85 * shown), 1.15 * shown)


class Progress:
    """The line on the terminal; a thread keeps its clock going during long epochs."""

    def __init__(self, configs: dict[str, Config], images: int, jobs: int) -> None:
        self.work = {key: epoch_work(config, images) for key, config in configs.items()}
        self.steps = {key: config.epochs for key, config in configs.items()}
        self.seen = dict.fromkeys(configs, 0)
        self.runs, self.runs_done, self.jobs = len(configs), 0, jobs
        self.start, self.stop = time.monotonic(), threading.Event()
        self.left: float | None = None
        self.bar = tqdm(
            total=sum(self.work[key] * self.steps[key] for key in configs),
            bar_format="{desc} |{bar:20}| {elapsed}, {postfix[0]} left",
            postfix=["?"],
            leave=False,
            disable=not sys.stderr.isatty(),
        )
        self.show()
        self.thread = threading.Thread(target=self.tick, daemon=True)
        self.thread.start()

    def tick(self) -> None:
        while not self.stop.wait(1):
            self.show()

    def show(self) -> None:
        if self.bar.disable:
            return
        done = sum(self.work[key] * self.seen[key] for key in self.seen)
        now = seconds_left(done, self.bar.total, time.monotonic() - self.start, self.jobs)
        self.left = now if self.left is None else steady(self.left, now)
        epochs, total = sum(self.seen.values()), sum(self.steps.values())
        self.bar.n = done
        self.bar.postfix = [tqdm.format_interval(self.left)]
        self.bar.set_description_str(
            f"{self.runs_done}/{self.runs} runs, {epochs}/{total} epochs", refresh=True
        )

    def note(self, key: str, what: str) -> None:
        """A report from a worker: another epoch is done. A run done again counts once."""
        if what == STEP:
            self.seen[key] = min(self.steps[key], self.seen[key] + 1)

    def close(self) -> None:
        self.stop.set()
        self.thread.join()
        self.bar.close()
