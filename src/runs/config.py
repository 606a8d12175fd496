"""The hyperparameters of a run: names, defaults, ranges and choices, and what each one does.

They stand here and nowhere else. To add one, add a field to Config; its check, its flag in train.py
and its help text follow from it.
"""

import argparse
import dataclasses
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


def choice(default: object, choices: list, what: str) -> Any:
    """A field for one of `choices`."""
    return field(default=default, metadata={"choices": choices, "what": what})


@dataclass(frozen=True)
class Config:
    """The hyperparameters of one run, checked. The defaults are the recipe `plain`.

    Raises InputError for a value of the wrong type, out of its range or not among its choices.
    """

    hidden: tuple[int, ...] = field(
        default=(128, 64), metadata={"what": "units of each hidden layer; 32 to 1,024 are typical"}
    )
    activation: str = choice("relu", list(ACTIVATIONS), "the function after each hidden layer")
    initializer: str = choice("he_uniform", list(INITIALIZERS), "how the first weights are drawn")
    epochs: int = number(20, 1, 100_000, "passes over the training images; 10 to 100 are typical")
    batch_size: int = number(32, 1, 1_000_000, "images in each step; 16 to 256 are typical")
    learning_rate: float = number(
        0.1, 1e-9, 1000, "the length of a step; 0.1 is typical, 0.03 with momentum"
    )
    schedule: str = choice("constant", list(SCHEDULES), "how the learning rate falls")
    warmup_epochs: float = number(
        0.0, 0, 1000, "epochs over which the learning rate rises from 0; 1 is typical"
    )
    momentum: float = number(0.0, 0, 0.9999, "the share of the last step kept; 0.9 is typical")
    nesterov: bool = choice(False, [True, False], "take the gradient where momentum leads")
    weight_decay: float = number(
        0.0, 0, 1, "L2 penalty on the weights, not the biases; 1e-4 is typical"
    )
    dropout: float = number(
        0.0, 0, 0.95, "the share of hidden units silenced in a step; 0.1 to 0.5 is typical"
    )
    label_smoothing: float = number(
        0.0, 0, 0.9, "the share of each target spread over all classes; 0.05 is typical"
    )
    preprocessing: str = choice(
        "none",
        list(PREPROCESSING),
        "what is done to every image; deskew straightens it, normalise also sizes it",
    )
    augmentation: str = choice(
        "none", ["none", *AUGMENTATIONS], "how training images are distorted, anew every epoch"
    )
    augmentation_strength: float = number(
        1.0, 0, 10, "how far they are distorted; 0.5 to 1.5 is typical"
    )
    validation_fraction: float = number(
        0.1, 0, 0.9, "the share of the images held out to validate; 0 trains on all of them"
    )
    split_seed: int = number(0, 0, 2**32 - 1, "decides which images validate")
    seed: int = number(0, 0, 2**32 - 1, "decides the weights, the batches and all else drawn")

    def __post_init__(self) -> None:
        # Plain Python numbers from here on: json would refuse NumPy's after the training.
        object.__setattr__(self, "hidden", checked_layers(self.hidden))
        for each in dataclasses.fields(self):
            value, allowed = getattr(self, each.name), each.metadata
            if "low" in allowed:
                whole = isinstance(each.default, int)
                if not is_number(value, allowed["low"], allowed["high"], whole):
                    kind = "whole number" if whole else "number"
                    span = f"from {allowed['low']:,} to {allowed['high']:,}"
                    raise InputError(f"{each.name} = {value!r}: give a {kind} {span}")
                object.__setattr__(self, each.name, int(value) if whole else float(value))
            elif "choices" in allowed and (
                type(value) not in (str, bool) or value not in allowed["choices"]
            ):
                known = ", ".join(map(str, allowed["choices"]))
                raise InputError(f"{each.name} = {value!r}: choose one of {known}")

    def with_(self, **changes: object) -> "Config":
        """This config with some fields changed. An unknown name raises InputError."""
        known = [each.name for each in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise InputError(
                    f"there is no hyperparameter {name!r}; there are: {', '.join(known)}"
                )
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @property
    def layer_sizes(self) -> list[int]:
        return [784, *self.hidden, 10]


def is_number(value: object, low: float, high: float, whole: bool) -> bool:
    """Whether value is a finite number in [low, high]; a bool is not."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(low <= value <= high)


def checked_layers(hidden: object) -> tuple[int, ...]:
    """The sizes of the hidden layers as a tuple of ints, or InputError."""
    if not isinstance(hidden, (tuple, list, np.ndarray)):
        raise InputError(f"hidden = {hidden!r}: give a list of whole numbers, such as [128, 64]")
    sizes = list(hidden)
    if len(sizes) > 100 or not all(is_number(n, 1, 10_000, True) for n in sizes):
        raise InputError(f"hidden = {sizes}: give up to 100 whole numbers from 1 to 10,000")
    if count_parameters([784, *map(int, sizes), 10]) > MAX_PARAMETERS:
        raise InputError(
            f"hidden = {sizes}: makes more than {MAX_PARAMETERS:,} parameters; give smaller layers"
        )
    return tuple(map(int, sizes))


# ------------------------------------------------------------------------------ the command line


def add_flags(parser: argparse.ArgumentParser, values: dict[str, object]) -> None:
    """One flag for each hyperparameter; `values` are the defaults that the help text names."""
    for each in dataclasses.fields(Config):
        flag, default = "--" + each.name.replace("_", "-"), values.get(each.name, each.default)
        style: dict[str, Any] = {"default": None, "metavar": each.name.split("_")[-1].upper()}
        if each.name == "hidden":
            default = layers_text(checked_layers(default))
            style |= {"nargs": "*", "metavar": "UNITS"}
            default += ", `none` for no hidden layer"
        elif isinstance(each.default, bool):
            style = {"default": None, "action": argparse.BooleanOptionalAction}
        elif "choices" in each.metadata:
            style |= {"choices": each.metadata["choices"], "metavar": None}
        else:
            style["type"] = type(each.default)
        what = f"{each.metadata['what']} (default: {default})".replace("%", "%%")
        parser.add_argument(flag, help=what, **style)


def given_flags(arguments: argparse.Namespace) -> dict[str, object]:
    """The hyperparameters that were given on the command line."""
    names = [each.name for each in dataclasses.fields(Config)]
    given = {name: getattr(arguments, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    if "hidden" in given:  # 256,128 or 256 128 or none
        typed = " ".join(given["hidden"])
        words = [] if typed == "none" else typed.replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
            raise InputError(f"--hidden {typed}: give sizes such as 256,128, or none")
        given["hidden"] = tuple(map(int, words))
    return given


def layers_text(hidden: tuple[int, ...]) -> str:
    """128,64, or none."""
    return ",".join(map(str, hidden)) or "none"


def as_flags(config: Config, start_from: Config) -> str:
    """The flags of train.py that turn the config `start_from` into this one."""
    words = []
    for each in dataclasses.fields(config):
        value, flag = getattr(config, each.name), "--" + each.name.replace("_", "-")
        if value == getattr(start_from, each.name):
            continue
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words.append(f"{flag} {layers_text(value) if each.name == 'hidden' else value}")
    return " ".join(words)
