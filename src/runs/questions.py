"""From a question in the table of experiments.py to the configurations that answer it."""

import dataclasses
import itertools
import re
from pathlib import Path

from src.common.errors import InputError
from src.common.files import make_writable
from src.runs.config import Config
from src.runs.recipes import recipe

OPTIONS: dict[str, tuple] = {  # of an experiment, and their values
    "answer": ("ranking", "signal", "grid"),  # the figure that answers the question
    "failures": ("unexpected", "expected"),
    "score_test": (False, True),
}
KEYS = ("question", "configurations", "baseline", *OPTIONS)
SHORT = {"learning_rate": "lr", "batch_size": "batch", "weight_decay": "decay"}  # in labels
SHORT |= {"label_smoothing": "smoothing", "augmentation_strength": "strength"}
LONGEST_LABEL = 60

Configs = dict[str, list[Config]]  # label -> a config for each seed


def grid(**values: list) -> dict[str, dict]:
    """All combinations of the values of some hyperparameters: label -> changes.

    grid(learning_rate=[0.03, 0.1], batch_size=[32, 64]) makes four configurations.
    """
    lists = [value if isinstance(value, list) else [value] for value in values.values()]
    found: dict[str, dict] = {}
    for combination in itertools.product(*lists):
        changes = dict(zip(values, combination))
        label = ", ".join(label_of(name, changes[name], len(changes)) for name in changes)
        while label in found:  # a value given twice, which `configurations` refuses
            label += " again"
        found[label] = changes
    return found


def label_of(name: str, value: object, count: int) -> str:
    """One of `count` hyperparameters in a label: "lr 0.1", "relu", "hidden 128-64"."""
    if isinstance(value, (list, tuple)):
        value = "-".join(map(str, value)) or "none"
    alone = isinstance(value, str) and (count == 1 or name in ("activation", "initializer"))
    return str(value) if alone else f"{SHORT.get(name, name)} {value}"


def configurations(
    name: str, table: dict[str, dict], baseline: dict, seeds: int, epochs: int | None
) -> Configs:
    """The configurations of an experiment: its changes to `baseline` and to its own baseline.

    Raises InputError for whatever is wrong with the table, before anything is trained.
    """
    if name not in table:
        known = ", ".join(map(str, table))
        raise InputError(f"there is no experiment {name!r}; there are: {known}")
    where, entry = f"experiment {name!r}", table[name]
    check_entry(where, entry)
    start = changed(changed(Config(), baseline, "BASELINE"), entry.get("baseline", {}), where)
    found: Configs = {}
    same: dict[object, str] = {}  # label by config, and by what it is in a file name
    for label, changes in entry["configurations"].items():
        text = label if isinstance(label, str) and label.isprintable() else ""
        if not text.strip() or len(text) > LONGEST_LABEL:
            need = f"1 to {LONGEST_LABEL} printable characters"
            raise InputError(f"{where}: the label {str(label)[:30]!r} has to be {need}")
        config = changed(start, changes, f"{where}, configuration {label!r}")
        if epochs is not None:
            config = config.with_(epochs=epochs)
        for key in (config, re.sub(r"[^\w.-]", "_", label).lower()):
            if same.setdefault(key, label) != label:
                what = "configuration" if key == config else "file name"
                raise InputError(f"{where}: {same[key]!r} and {label!r} are the same {what}")
        found[label] = [changed(config, {"seed": config.seed + n}, where) for n in range(seeds)]
    if entry.get("answer") == "grid" and len(what_differs(found)) != 2:
        raise InputError(f"{where}: a grid needs two hyperparameters that differ")
    return found


def check_entry(where: str, entry: object) -> None:
    """Raise InputError unless this row of the table has the keys and the types that it should."""
    changes_of = entry.get("configurations") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(changes_of, dict) or not changes_of:
        raise InputError(f"{where}: needs a question, and configurations: label -> changes")
    for key, value in entry.items():
        if key not in KEYS:
            raise InputError(f"{where}: {key!r} is not one of {', '.join(KEYS)}")
        if value not in OPTIONS.get(key, (value,)):
            known = ", ".join(map(str, OPTIONS[key]))
            raise InputError(f"{where}: {key} has to be one of {known}")
    if not isinstance(entry.get("question"), str):
        raise InputError(f"{where}: needs a question")


def folder_for(root: Path, name: object) -> Path:
    """The folder of an experiment in the results, or InputError if it must not be written there."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
        raise InputError(f"{name!r}: a name consists of letters, digits, - and _")
    if name.lower() in ("runs", "train") or (root / name / "config.json").exists():
        raise InputError(f"{root / name}: is for runs of train.py; choose another name")
    make_writable(root / name)
    return root / name


def changed(config: Config, changes: object, where: str) -> Config:
    """The config with changes made to it; {"recipe": NAME} begins anew from that recipe."""
    if not isinstance(changes, dict):
        raise InputError(f"{where}: give a dict of changes, not {changes!r}")
    try:
        if "recipe" in changes:
            config = recipe(changes["recipe"])
        return config.with_(**{str(key): changes[key] for key in changes if key != "recipe"})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def what_differs(configs: Configs) -> list[str]:
    """The hyperparameters, the seed aside, in which the configurations differ."""
    names = [each.name for each in dataclasses.fields(Config) if each.name != "seed"]
    return [n for n in names if len({getattr(each[0], n) for each in configs.values()}) > 1]


def is_ordered(configs: Configs) -> bool:
    """Whether the configurations are a rising or falling series of one number."""
    values = [getattr(each[0], name) for name in what_differs(configs) for each in configs.values()]
    numbers = all(isinstance(value, (int, float)) for value in values)
    series = numbers and values in (sorted(values), sorted(values, reverse=True))
    return series and len(values) == len(configs) > 2


def answer_to(entry: dict, configs: Configs) -> str:
    """The figure that answers: the one that is asked for, or a heat map where there is a grid."""
    values = [{getattr(each[0], n) for each in configs.values()} for n in what_differs(configs)]
    whole = len(values) == 2 and len(values[0]) * len(values[1]) == len(configs)
    return entry.get("answer", "grid" if whole else "ranking")
