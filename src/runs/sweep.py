"""Many runs: what is finished is read, what is missing is trained, each into its own file."""

import contextlib
import dataclasses
import functools
import pickle
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from src.common.code import code_key, sources
from src.common.errors import InputError
from src.digits.data import Data
from src.model import count_parameters
from src.runs.config import Config
from src.runs.history import Run
from src.runs.messages import epoch_line, warnings_about
from src.runs.pool import jobs_possible, run_tasks
from src.runs.storage import identity_of, read_run, run_name, write_run


@dataclass(frozen=True)
class Wanted:
    """A run that an experiment needs."""

    experiment: str
    label: str  # of its configuration
    config: Config
    score_test: bool


def sweep(
    wanted: list[Wanted],
    data: Data,
    folder: Path,
    jobs: int | None,
    scheduler: str | None = None,
    fresh: bool = False,
) -> Generator[tuple[Wanted, Run | str]]:
    """Yield each wanted run, or why it failed: the finished ones, then the others as they end.

    A run is trained once, whoever wants it, unless it stands in its place below `folder`. With
    `fresh` it is trained even so, and replaced when it is done. Raises OSError for one that cannot
    be read: it stays.
    """
    runs: dict[str, tuple[dict, list[Wanted]]] = {}  # by file: its identity, and who wants it
    code = code_key(sources())
    first = functools.cache(lambda test: identity_of(wanted[0].config, data, code, test))  # hashes
    for each in wanted:
        identity = first(each.score_test) | {"config": dataclasses.asdict(each.config)}
        runs.setdefault(run_name(identity), (identity, []))[1].append(each)
    missing, finished = {}, 0
    for name, (_, wanting) in runs.items():
        run = None if fresh else finished_before(folder / name)
        if run is None:
            missing[name] = wanting[0]
        else:
            finished += 1
            yield from ((each, run) for each in wanting)
    print(f"{len(runs)} runs, {finished} of them finished before", flush=True)
    try:
        with contextlib.closing(train_all(missing, data, jobs, scheduler)) as results:
            bar = {"unit": " runs", "leave": False, "disable": None}  # None: only on a terminal
            for name, result in tqdm(results, total=len(missing), **bar):
                identity, wanting = runs[name]
                label = f"{wanting[0].label}, seed {wanting[0].config.seed}"
                if isinstance(result, str):
                    tqdm.write(f"{label}: failed: {result}", file=sys.stderr)
                else:
                    write_run(folder / name, result, identity)
                    finished += 1
                    tqdm.write(f"{label}: {epoch_line(result.history[-1])}")
                    for warning in warnings_about(result):
                        tqdm.write(f"{label}: warning: {warning}", file=sys.stderr)
                    result.network, result.layers = None, []  # hundreds would fill the memory
                yield from ((each, result) for each in wanting)
    except (KeyboardInterrupt, GeneratorExit):  # the latter between two runs, by whoever listens
        how = "the same command again" + " without --fresh" * fresh
        kept = f"{finished} of {len(runs)} runs are saved. Give {how} to continue"
        print(f"\n{kept}", file=sys.stderr)
        raise


def finished_before(path: Path) -> Run | None:
    """The run in this file, if it is whole. Raises OSError if it is there but cannot be read."""
    try:
        run, identity = read_run(path)
        if run_name(identity) != path.name:
            raise InputError(f"{path}: holds another run than its name says")
        run.network = None  # hundreds would fill the memory
        return run
    except FileNotFoundError:
        return None
    except InputError as error:
        print(f"training again: {error}", file=sys.stderr)
        return None


def train_all(
    missing: dict[str, Wanted], data: Data, jobs: int | None, scheduler: str | None
) -> Generator[tuple[str, Any]]:
    """Train these runs, on the cores of this machine or on a Dask cluster."""
    if not any(each.score_test for each in missing.values()):
        no_images, no_labels = data.test_images[:0], data.test_labels[:0]
        data = dataclasses.replace(data, test_images=no_images, test_labels=no_labels)
    longest_first = sorted(missing, key=lambda name: -work(missing[name].config))
    tasks = {
        name: pickle.dumps((missing[name].config, missing[name].score_test))
        for name in longest_first  # so that no core idles in the end
    }
    program = sources(), "src.runs.worker:train_one", vars(data)
    if scheduler and tasks:
        from src.runs.cluster import run_on_cluster  # here: it needs Dask's world

        return run_on_cluster(program, tasks, scheduler)
    return run_tasks(program, tasks, jobs or jobs_possible())


def work(config: Config) -> float:
    """About how long a run takes, in multiplications for each image."""
    beside = 100_000 if config.augmentation == "none" else 300_000  # the network's own
    return config.epochs * (count_parameters(config.layer_sizes) + beside)
