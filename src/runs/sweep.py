"""Many runs: what is finished is read, what is missing is trained, each into its own file."""

import contextlib
import dataclasses
import pickle
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from src.common.code import code_key, sources
from src.common.errors import InputError
from src.common.files import remove_half_written
from src.common.script import held_back
from src.digits.data import Data
from src.model import count_parameters
from src.runs.config import Config
from src.runs.history import Run
from src.runs.messages import epoch_line, warnings_about
from src.runs.pool import jobs_possible, run_tasks
from src.runs.report import Results
from src.runs.storage import identity_of, read_run, run_name, write_run


class Asked(NamedTuple):
    """A run that is asked for."""

    config: Config
    score_test: bool
    identity: dict
    askers: list[tuple[Results, str]]  # in which experiments, and under which labels


def sweep(
    experiments: list[Results],
    data: Data,
    folder: Path,
    jobs: int | None,
    scheduler: str | None = None,
    fresh: bool = False,
) -> Generator[None]:
    """Add each run of these experiments to their results, or why it failed. Yields once the
    finished ones are there, and again after each of the others.

    A run is trained once, whoever asks for it, unless its file is already in `folder`. With `fresh`
    it is trained even so, and replaced when it is done. Raises OSError for one that cannot be read:
    it stays.
    """
    remove_half_written(folder)
    runs = asked_for(experiments, data)
    missing = dict(runs)
    for name, asked in runs.items():
        if not fresh and (run := finished_before(folder / name)):
            del missing[name]
            for results, label in asked.askers:
                results.add(label, run)
    finished = len(runs) - len(missing)
    print(f"{len(runs)} runs, {finished} of them finished before", flush=True)
    try:
        yield
        with contextlib.closing(train_all(missing, data, jobs, scheduler)) as ended:
            bar = {"unit": " runs", "leave": False, "disable": None}  # None: only on a terminal
            for name, result in tqdm(ended, total=len(missing), **bar):
                asked = missing[name]
                if not isinstance(result, str):
                    with held_back():  # a stop now would lose it
                        write_run(folder / name, result, asked.identity)
                    finished += 1
                announce(f"{asked.askers[0][1]}, seed {asked.config.seed}", result)
                for results, label in asked.askers:
                    results.add(label, result)
                yield
    except (KeyboardInterrupt, GeneratorExit):  # the latter between two runs, by whoever listens
        how = "the same command again" + ", without --fresh," * fresh
        kept = f"{finished} of {len(runs)} runs are saved. Run {how} to continue"
        print(f"\n{kept}", file=sys.stderr)
        raise


def asked_for(experiments: list[Results], data: Data) -> dict[str, Asked]:
    """Each run that these experiments need, by the name of its file."""
    code, found = code_key(sources()), dict[str, Asked]()
    for results in experiments:
        score_test = results.kind == "test"
        shared = identity_of(Config(), data, code, score_test)  # hashes the digits
        for label, configs in results.configs.items():
            for config in configs:
                identity = shared | {"config": dataclasses.asdict(config)}
                asked = Asked(config, score_test, identity, [])
                found.setdefault(run_name(identity), asked).askers.append((results, label))
    return found


def announce(what: str, result: Run | str) -> None:
    """Say how a run has ended, with its warnings, or why it failed. The run gets lighter."""
    if isinstance(result, str):
        tqdm.write(f"{what}: failed: {result}", file=sys.stderr)
        return
    tqdm.write(f"{what}: {epoch_line(result.history[-1])}")
    for warning in warnings_about(result):
        tqdm.write(f"{what}: warning: {warning}", file=sys.stderr)
    result.network, result.layers = None, []  # hundreds would fill the memory


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
    missing: dict[str, Asked], data: Data, jobs: int | None, scheduler: str | None
) -> Generator[tuple[str, Any]]:
    """Train these runs, on the cores of this machine or on a Dask cluster."""
    fields = vars(data)
    if not any(asked.score_test for asked in missing.values()):  # then nobody needs to send these
        fields = fields | {"test_images": data.test_images[:0], "test_labels": data.test_labels[:0]}
    longest_first = sorted(missing, key=lambda name: -work(missing[name].config))
    tasks = {}  # in this order no core idles in the end
    for name in longest_first:
        tasks[name] = pickle.dumps((missing[name].config, missing[name].score_test))
    program = sources(), "src.runs.worker:train_one", fields
    if scheduler and tasks:
        from src.runs.cluster import run_on_cluster  # here: it needs Dask's world

        return run_on_cluster(program, tasks, scheduler)
    return run_tasks(program, tasks, jobs or jobs_possible())


def work(config: Config) -> float:
    """About how long a run takes, in multiplications for each image."""
    beside = 100_000 if config.augmentation == "none" else 300_000  # the network's own
    return config.epochs * (count_parameters(config.layer_sizes) + beside)
