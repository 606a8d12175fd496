"""From a question in the table of experiments.py to the configurations that answer it."""

import dataclasses
import itertools

from src.common.errors import InputError
from src.runs.config import Config
from src.runs.recipes import recipe

CHOICES: dict[str, tuple] = {  # of an experiment's options; the first if nothing is said
    "answer": ("ranking", "cost", "signal", "grid"),  # the figure that answers the question
    "failures": ("unexpected", "expected"),
    "score_test": (False, True),
}
KEYS = ("question", "configurations", "baseline", *CHOICES)
LONGEST_LABEL = 40


def grid(**values: list) -> dict[str, dict]:
    """All combinations of the values of some hyperparameters: label -> changes.

    grid(learning_rate=[0.03, 0.1], batch_size=[32, 64]) makes four configurations.
    """
    lists = [value if isinstance(value, list) else [value] for value in values.values()]
    return {
        ", ".join(label_of(name, value, len(values)) for name, value in zip(values, combination)): (
            dict(zip(values, combination))
        )
        for combination in itertools.product(*lists)
    }


def label_of(name: str, value: object, count: int) -> str:
    """One of `count` hyperparameters in a label: batch_size 32, hidden 128-64; alone, just relu."""
    if isinstance(value, (list, tuple)):
        value = "-".join(map(str, value)) or "none"
    return value if count == 1 and isinstance(value, str) else f"{name} {value}"


def configurations(
    name: str, table: dict[str, dict], baseline: dict, seeds: int, epochs: int | None
) -> dict[str, list[Config]]:
    """The configurations of an experiment: label -> one config a seed.

    Each is given by its changes to `baseline` and to the experiment's own baseline. Raises
    InputError for whatever is wrong with the table, before anything is trained.
    """
    if name not in table:
        raise InputError(f"there is no experiment {name!r}; there are: {', '.join(table)}")
    experiment, where = table[name], f"experiment {name!r}"
    check_entry(experiment, where)
    found = {}
    for label, changes in experiment["configurations"].items():
        if not isinstance(label, str) or not label.isprintable() or not label.strip():
            raise InputError(f"{where}: the label {label!r} has to be one line of printable text")
        if len(label) > LONGEST_LABEL:
            raise InputError(
                f"{where}: the label {label[:20]!r}... is longer than {LONGEST_LABEL} characters"
            )
        if not isinstance(changes, dict):
            raise InputError(f"{where}, configuration {label!r}: give a dict of changes")
        try:
            config = changed(Config(), baseline)
            config = changed(changed(config, experiment.get("baseline", {})), changes)
            if epochs is not None:
                config = config.with_(epochs=epochs)
            found[label] = [config.with_(seed=config.seed + number) for number in range(seeds)]
        except InputError as error:
            raise InputError(f"{where}, configuration {label!r}: {error}") from None
    if len({file_name(label).lower() for label in found}) < len(found):
        raise InputError(f"{where}: two labels would give the same file name; change one")
    if experiment.get("answer") == "grid" and len(what_differs(found)) != 2:
        raise InputError(f"{where}: a grid needs two hyperparameters that differ")
    return found


def check_entry(experiment: object, where: str) -> None:
    """Raise InputError unless this row of the table has the keys and the types that it should."""
    if not isinstance(experiment, dict):
        raise InputError(f"{where}: needs a question, and configurations: label -> changes")
    for key in experiment:
        if key not in KEYS:
            raise InputError(f"{where}: {key!r} is not one of {', '.join(KEYS)}")
    changes_of = experiment.get("configurations")
    if not isinstance(experiment.get("question"), str) or not isinstance(changes_of, dict):
        raise InputError(f"{where}: needs a question, and configurations: label -> changes")
    if not changes_of:
        raise InputError(f"{where}: has no configurations")
    for key, choices in CHOICES.items():
        if experiment.get(key, choices[0]) not in choices:
            raise InputError(f"{where}: {key} has to be one of {', '.join(map(str, choices))}")
    if not isinstance(experiment.get("baseline", {}), dict):
        raise InputError(f"{where}: baseline has to be a dict of changes")


def changed(config: Config, changes: dict) -> Config:
    """The config with changes made to it; {"recipe": NAME} begins anew from that recipe."""
    if "recipe" in changes:
        config = recipe(changes["recipe"])
    rest = {str(name): value for name, value in changes.items() if name != "recipe"}
    return config.with_(**rest)


def file_name(label: str) -> str:
    """The label of a configuration, as far as it can stand in a file's name."""
    return "curves_" + "".join(c if c.isalnum() or c in "-." else "_" for c in label) + ".png"


def what_differs(found: dict[str, list[Config]]) -> list[str]:
    """The hyperparameters, the seed aside, in which the configurations differ."""
    firsts = [configs[0] for configs in found.values()]
    names = [each.name for each in dataclasses.fields(Config) if each.name != "seed"]
    return [name for name in names if len({getattr(config, name) for config in firsts}) > 1]


def is_ordered(found: dict[str, list[Config]]) -> bool:
    """Whether the configurations are a rising or falling series of one number."""
    differs = what_differs(found)
    if len(differs) != 1 or len(found) < 3:
        return False
    values = [getattr(configs[0], differs[0]) for configs in found.values()]
    numbers = all(isinstance(value, (int, float)) for value in values)
    return numbers and values in (sorted(values), sorted(values, reverse=True))
