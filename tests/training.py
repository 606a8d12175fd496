"""One run in this process, for the tests that need a trained network."""

from src.digits.data import Data
from src.runs.config import Config
from src.runs.history import Recorder, Run
from train import train


def run_of(config: Config, data: Data, record: Recorder | None = None, **rest: object) -> Run:
    """A finished run."""
    record = record or Recorder()
    train(config, data, record, **rest)
    return record.finish()


def without_times(history: list[dict]) -> list[dict]:
    """A history without its measured seconds, which are never the same twice."""
    times = ("seconds", "images_per_second")
    return [{name: row[name] for name in row if name not in times} for row in history]
