"""Many runs: what is finished is read, what is missing is trained, each into its own folder."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tqdm import tqdm

from src.common.errors import InputError
from src.digits.data import Data
from src.runs.config import Config
from src.runs.folder import read_run, write_run
from src.runs.history import Run
from src.runs.messages import outcome, warnings_about
from src.runs.progress import Progress, epoch_work
from src.runs.workers import TaskFailed, run_tasks


@dataclass(frozen=True)
class Wanted:
    """A run that an experiment needs."""

    experiment: str
    label: str  # of its configuration
    config: Config
    decided_by: dict  # see folder.identity
    folder: Path


class Due:
    """When to look again: at most every ten seconds, and for at most 2 % of the time."""

    def __init__(self) -> None:
        self.next = time.monotonic() + 10

    def now(self) -> bool:
        return time.monotonic() > self.next

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        start = time.monotonic()
        yield
        end = time.monotonic()
        self.next = end + max(10, 49 * (end - start))


def in_good_order(missing: list[Wanted], images: int) -> list[Wanted]:
    """The cheapest run, for an early look; then the longest first, so that no core idles."""

    def work(wanted: Wanted) -> float:
        return epoch_work(wanted.config, images) * wanted.config.epochs

    cheapest, *others = sorted(missing, key=lambda wanted: (work(wanted), wanted.config.seed))
    return [cheapest, *sorted(others, key=lambda wanted: (-work(wanted), wanted.config.seed))]


def sweep(
    every: list[Wanted],
    train_one: Callable,
    data: Data,
    jobs: int,
    scheduler: str | None,
    by_value: Sequence[ModuleType],
) -> Iterator[tuple[Wanted, Run | str]]:
    """Yield every wanted run with its Run, or why it failed: the finished ones, then as they end.

    train_one(step, config, score_test, source, images, labels, test_images, test_labels) is called
    in a worker and returns parameters, history and metrics; see run_tasks for by_value.
    """
    askers: dict[Path, list[Wanted]] = {}  # a run may be wanted by several experiments
    for wanted in every:
        askers.setdefault(wanted.folder, []).append(wanted)
    missing, finished = [], 0
    for asking in askers.values():
        run = finished_before(asking[0])
        if run is None:
            missing.append(asking[0])
            continue
        finished += 1
        yield from ((each, run) for each in asking)
    print(f"{len(askers)} runs, {finished} of them finished before", flush=True)
    if not missing:
        return
    order = {wanted.folder.name: wanted for wanted in in_good_order(missing, len(data.images))}
    tasks = {
        key: (wanted.config, wanted.decided_by["test_digits"] is not None)
        for key, wanted in order.items()
    }
    shared = (data.source, data.images, data.labels, data.test_images, data.test_labels)
    configs = {key: wanted.config for key, wanted in order.items()}
    progress = Progress(configs, len(data.images), min(jobs, len(tasks)))
    try:
        for key, result in run_tasks(
            train_one, tasks, shared, jobs, scheduler, progress.note, by_value
        ):
            wanted = order[key]
            label = f"{wanted.label}, seed {wanted.config.seed}"
            if isinstance(result, TaskFailed):
                tqdm.write(f"{label}: failed: {result}", file=sys.stderr)
                yield from ((each, str(result)) for each in askers[wanted.folder])
                continue
            run = result
            write_run(wanted.folder, run, wanted.decided_by)
            finished += 1
            progress.runs_done += 1
            tqdm.write(f"{label}: {outcome(run.metrics)}")
            for warning in warnings_about(run.history[-1], run.layers[-len(run.network.weights) :]):
                tqdm.write(f"{label}: warning: {warning}", file=sys.stderr)
            yield from ((each, run) for each in askers[wanted.folder])
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {finished} of {len(askers)} runs are saved. "
            "Give the same command again to continue"
        ) from None
    finally:
        progress.close()


def finished_before(wanted: Wanted) -> Run | None:
    """The run, if it stands in its folder, whole. What else stands there is named and removed."""
    try:
        return read_run(wanted.folder, wanted.decided_by)
    except InputError as error:
        if wanted.folder.exists():
            print(f"training again: {error}", file=sys.stderr)
            shutil.rmtree(wanted.folder, ignore_errors=True)
    return None
