"""One run in this process, for the tests that need a trained network."""

from collections.abc import Callable

from src.digits.data import Data
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.history import follow, prepare
from train import train


def run_of(
    config: Config, data: Data, on_epoch: Callable = lambda row, network: None
) -> tuple[NeuralNetwork, list[dict]]:
    """The network after the last epoch, and the history."""
    training, validation = prepare(config, data)
    return follow(train(config, *training), config, training, validation, on_epoch)


def without_times(history: list[dict]) -> list[dict]:
    """A history without its measured seconds, which are never the same twice."""
    times = ("seconds", "images_per_second")
    return [{name: row[name] for name in row if name not in times} for row in history]
