"""The hyperparameters of a run: names, defaults, ranges and choices, and what each one does.

The scripts repeat only those that users edit. To add one, add a field to Config; its check, its
flag in train.py and its help text follow from it.
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


def option(default: object, allowed: Any, what: str) -> Any:
    """A field that is one of some choices, or a number in a range (low, high).

    The number is a whole one if `default` is an int; if that is a tuple, there are several.
    """
    return field(default=default, metadata={"allowed": allowed, "what": what})


@dataclass(frozen=True)
class Config:
    """The hyperparameters of one run, checked. The defaults are the recipe `plain`.

    Raises InputError for a value of the wrong type, out of its range or not among its choices.
    """

    hidden: tuple[int, ...] = option((128, 64), (1, 10_000), "sizes such as 256,128, or none")
    activation: str = option("relu", ACTIVATIONS, "the function after each hidden layer")
    initializer: str = option("he_uniform", INITIALIZERS, "how the first weights are drawn")
    epochs: int = option(20, (1, 100_000), "passes over the training images; 10 to 100 are typical")
    batch_size: int = option(32, (1, 1_000_000), "images in each step; 16 to 256 are typical")
    learning_rate: float = option(0.1, (1e-9, 1000), "step length; 0.1, or 0.03 with momentum")
    schedule: str = option("constant", SCHEDULES, "how the learning rate falls")
    warmup_epochs: float = option(0.0, (0, 1000), "epochs in which the rate rises; 1 is typical")
    momentum: float = option(0.0, (0, 0.9999), "the share of the last step kept; 0.9 is typical")
    nesterov: bool = option(False, [True, False], "take the gradient where momentum leads")
    weight_decay: float = option(0.0, (0, 1), "L2 penalty on weights, not biases; 1e-4 is typical")
    dropout: float = option(0.0, (0, 0.95), "share of hidden units silenced; 0.1 to 0.5 is typical")
    label_smoothing: float = option(0.0, (0, 0.9), "share of a target spread out; 0.05 is typical")
    preprocessing: str = option("none", PREPROCESSING, "deskew straightens, normalise sizes too")
    augmentation: str = option("none", ["none", *AUGMENTATIONS], "how images are distorted")
    augmentation_strength: float = option(1.0, (0, 10), "how far; 0.5 to 1.5 is typical")
    validation_fraction: float = option(0.1, (0, 0.9), "share of images held out; 0: train on all")
    split_seed: int = option(0, (0, 2**32 - 1), "decides which images validate")
    seed: int = option(0, (0, 2**32 - 1), "decides the weights, the batches and all else drawn")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value, allowed = getattr(self, each.name), each.metadata["allowed"]
            object.__setattr__(self, each.name, checked(each.name, value, each.default, allowed))
        if count_parameters(self.layer_sizes) > MAX_PARAMETERS:
            limit = f"more than {MAX_PARAMETERS:,} parameters"
            raise InputError(f"hidden = {self.hidden}: makes {limit}; give smaller layers")

    def with_(self, **changes: object) -> "Config":
        """This config with some fields changed. An unknown name raises InputError."""
        for name in changes.keys() - vars(self).keys():
            known = ", ".join(vars(self))
            raise InputError(f"there is no hyperparameter {name!r}; there are: {known}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @property
    def layer_sizes(self) -> list[int]:
        return [784, *self.hidden, 10]


def checked(name: str, value: Any, default: Any, allowed: Any) -> Any:
    """The value as plain Python, which JSON takes, of the type of `default`, and as `allowed`.

    A tuple is checked number by number. Raises InputError for a value that does not fit.
    """
    if isinstance(default, tuple):
        if not isinstance(value, (tuple, list, np.ndarray)):
            raise InputError(f"{name} = {value!r}: give a list, such as {list(default)}")
        return tuple(checked(name, each, default[0], allowed) for each in value)
    kind: Any = type(default)
    need = f"choose one of {', '.join(map(str, allowed))}"
    if isinstance(allowed, tuple):
        low, high = allowed
        need = f"give a {'whole ' * (kind is int)}number from {low:,} to {high:,}"
    try:
        plain = kind(value)
        inside = low <= plain <= high if isinstance(allowed, tuple) else plain in allowed
        if inside and plain == value:  # 1.5 is no whole number, and "1" no number
            return plain
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name} = {value!r}: {need}")


# ------------------------------------------------------------------------------ the command line


def add_flags(parser: argparse.ArgumentParser, values: dict[str, object]) -> None:
    """One flag for each hyperparameter; those that are not given have no value.

    `values` are the defaults that the help text names. Raises InputError if they are not a dict.
    """
    if not isinstance(values, dict):
        raise InputError(f"VALUES = {values!r}: has to be a dict of hyperparameters")
    for each in dataclasses.fields(Config):
        allowed = each.metadata["allowed"]
        style: dict = {"type": layers if isinstance(each.default, tuple) else type(each.default)}
        if isinstance(each.default, bool):
            style = {"action": argparse.BooleanOptionalAction}
        elif not isinstance(allowed, tuple):
            style["choices"] = list(allowed)
        default = typed(values.get(each.name, each.default))
        what = f"{each.metadata['what']} (default: {default})".replace("%", "%%")
        name = "--" + each.name.replace("_", "-")
        parser.add_argument(name, default=argparse.SUPPRESS, help=what, **style)


def layers(text: str) -> tuple[int, ...]:
    """The hidden layers that are typed as 256,128, or as none."""
    try:
        return () if text == "none" else tuple(map(int, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: give 256,128, say, or none") from None


def typed(value: Any) -> str:
    """A value as its flag takes it."""
    return ",".join(map(str, value)) or "none" if isinstance(value, (tuple, list)) else str(value)


def as_flags(config: Config) -> str:
    """The flags of train.py that train this config, whatever the values edited there."""
    words, plain = ["--recipe plain"], Config()
    for name, value in vars(config).items():
        if value != getattr(plain, name):
            flag = name.replace("_", "-")
            switch = {True: f"--{flag}", False: f"--no-{flag}"}
            words.append(switch[value] if isinstance(value, bool) else f"--{flag} {typed(value)}")
    return " ".join(words)
