"""The hyperparameters of a run: names, defaults, ranges and choices, and what each one does.

They stand here and nowhere else. To add one, add a field to Config; its check, its flag in train.py
and its help text follow from it.
"""

import argparse
import dataclasses
import numbers
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from src.activations import ACTIVATIONS
from src.common.errors import InputError
from src.digits.augmentation import AUGMENTATIONS
from src.digits.preprocessing import PREPROCESSING
from src.initializers import INITIALIZERS
from src.model import count_parameters
from src.optimizers import SCHEDULES

MAX_PARAMETERS = 100_000_000  # 0.4 GB, and six times that while training


def number(default: float, low: float, high: float, what: str) -> Any:
    """A field for a number in [low, high]; a whole one if `default` is an int."""
    return field(default=default, metadata={"low": low, "high": high, "what": what})


def choice(default: object, choices: Iterable, what: str) -> Any:
    """A field for one of `choices`."""
    return field(default=default, metadata={"choices": list(choices), "what": what})


@dataclass(frozen=True)
class Config:
    """The hyperparameters of one run, checked. The defaults are the recipe `plain`.

    Raises InputError for a value of the wrong type, out of its range or not among its choices.
    """

    hidden: tuple[int, ...] = field(
        default=(128, 64), metadata={"what": "units of each layer, such as 256,128, or none"}
    )
    activation: str = choice("relu", ACTIVATIONS, "the function after each hidden layer")
    initializer: str = choice("he_uniform", INITIALIZERS, "how the first weights are drawn")
    epochs: int = number(20, 1, 100_000, "passes over the training images; 10 to 100 are typical")
    batch_size: int = number(32, 1, 1_000_000, "images in each step; 16 to 256 are typical")
    learning_rate: float = number(0.1, 1e-9, 1000, "step length; typical: 0.1, 0.03 with momentum")
    schedule: str = choice("constant", SCHEDULES, "how the learning rate falls")
    warmup_epochs: float = number(0.0, 0, 1000, "epochs in which the rate rises; 1 is typical")
    momentum: float = number(0.0, 0, 0.9999, "the share of the last step kept; 0.9 is typical")
    nesterov: bool = choice(False, [True, False], "take the gradient where momentum leads")
    weight_decay: float = number(0.0, 0, 1, "L2 penalty on weights, not biases; 1e-4 is typical")
    dropout: float = number(0.0, 0, 0.95, "share of hidden units silenced; 0.1 to 0.5 is typical")
    label_smoothing: float = number(0.0, 0, 0.9, "share of a target spread evenly; 0.05 is typical")
    preprocessing: str = choice("none", PREPROCESSING, "deskew straightens, normalise also sizes")
    augmentation: str = choice("none", ["none", *AUGMENTATIONS], "how images are distorted")
    augmentation_strength: float = number(1.0, 0, 10, "how far; 0.5 to 1.5 is typical")
    validation_fraction: float = number(0.1, 0, 0.9, "share of images held out; 0: train on all")
    split_seed: int = number(0, 0, 2**32 - 1, "decides which images validate")
    seed: int = number(0, 0, 2**32 - 1, "decides the weights, the batches and all else drawn")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            object.__setattr__(self, each.name, checked(each, getattr(self, each.name)))

    def with_(self, **changes: object) -> "Config":
        """This config with some fields changed. An unknown name raises InputError."""
        for name in changes:
            if name not in vars(self):
                known = ", ".join(vars(self))
                raise InputError(f"there is no hyperparameter {name!r}; there are: {known}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @property
    def layer_sizes(self) -> list[int]:
        return [784, *self.hidden, 10]


def checked(each: dataclasses.Field, value: Any) -> Any:
    """The value of a field in Python's own types, which JSON takes. Raises InputError."""
    rule = each.metadata
    kind: Any = type(each.default)
    if each.name == "hidden":
        fits = are_layers(value)
        need = "give up to 100 whole numbers from 1 to 10,000, such as [128, 64], for no more than "
        need += f"{MAX_PARAMETERS:,} parameters"
    elif "low" in rule:
        low, high, whole = rule["low"], rule["high"], kind is int
        fits = is_number(value, low, high, whole)
        need = f"give a {'whole ' * whole}number from {low:,} to {high:,}"
    else:
        choices = rule.get("choices", [value])
        fits = type(value) is kind and value in choices
        need = f"choose one of {', '.join(map(str, choices))}"
    if not fits:
        raise InputError(f"{each.name} = {value!r}: {need}")
    return tuple(map(int, value)) if each.name == "hidden" else kind(value)


def is_number(value: Any, low: float, high: float, whole: bool) -> bool:
    """Whether value is a finite number in [low, high], a Python one or NumPy's; a bool is not."""
    kind: Any = numbers.Integral if whole else numbers.Real
    return isinstance(value, kind) and not isinstance(value, bool) and bool(low <= value <= high)


def are_layers(sizes: object) -> bool:
    """Whether these are sizes of hidden layers that the memory can hold."""
    if not isinstance(sizes, (tuple, list, np.ndarray)) or len(sizes) > 100:
        return False
    whole = all(is_number(size, 1, 10_000, whole=True) for size in sizes)
    return whole and count_parameters([784, *sizes, 10]) <= MAX_PARAMETERS


# ------------------------------------------------------------------------------ the command line


def add_flags(parser: argparse.ArgumentParser, values: dict[str, object]) -> None:
    """One flag for each hyperparameter; those that are not given have no value.

    `values` are the defaults that the help text names.
    """
    for each in dataclasses.fields(Config):
        kind = typed_layers if each.name == "hidden" else type(each.default)
        style: dict = {"type": kind, "choices": each.metadata.get("choices")}
        if kind is bool:
            style = {"action": argparse.BooleanOptionalAction}
        default = values.get(each.name, each.default)
        what = f"{each.metadata['what']} (default: {default})".replace("%", "%%")
        name = "--" + each.name.replace("_", "-")
        parser.add_argument(name, default=argparse.SUPPRESS, help=what, **style)


def typed_layers(text: str) -> tuple[int, ...]:
    """The hidden layers that are typed as 256,128, or as none."""
    try:
        return () if text == "none" else tuple(map(int, text.split(",")))
    except ValueError:
        need = "give sizes such as 256,128, or none"
        raise argparse.ArgumentTypeError(f"{text}: {need}") from None


def as_flags(config: Config, start_from: Config) -> str:
    """The flags of train.py that turn the config `start_from` into this one."""
    words = []
    for name, value in vars(config).items():
        flag = name.replace("_", "-")
        if value == getattr(start_from, name):
            continue
        if name == "hidden":
            value = ",".join(map(str, value)) or "none"
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words.append(f"--{flag} {value}")
    return " ".join(words)
