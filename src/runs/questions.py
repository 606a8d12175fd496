"""From a question in the table of experiments.py to the configurations that answer it."""

import itertools
import re

from src.common.errors import InputError
from src.runs.config import Config
from src.runs.recipes import changed

ENTRY: dict = {  # what stands in a row of the table, and what holds where it does not
    "question": "",
    "configurations": {},  # label -> changes to the baseline
    "baseline": {},  # changes to that of all experiments
    "may_fail": False,  # whether failures are part of the answer
    "score_test": False,  # whether the test set answers, not the validation images
}
SHORT = {"learning_rate": "lr", "batch_size": "batch", "weight_decay": "decay"}  # in labels

Configs = dict[str, list[Config]]  # label -> a config for each seed


def grid(**values: list) -> dict[str, dict]:
    """All combinations of the values of some hyperparameters: label -> changes.

    grid(learning_rate=[0.03, 0.1], batch_size=[32, 64]) makes four configurations. Raises
    InputError for a value given twice.
    """
    lists = [value if isinstance(value, list) else [value] for value in values.values()]
    found: dict[str, dict] = {}
    for combination in itertools.product(*lists):
        changes = dict(zip(values, combination))
        label = ", ".join(label_of(name, value, len(values)) for name, value in changes.items())
        if label in found:
            raise InputError(f"grid: {label!r} is there twice")
        found[label] = changes
    return found


def label_of(name: str, value: object, count: int) -> str:
    """One of `count` hyperparameters in a label: "lr 0.1", "relu", "hidden 128-64"."""
    if isinstance(value, (list, tuple)):
        value = "-".join(map(str, value)) or "none"
    alone = isinstance(value, str) and (count == 1 or name in ("activation", "initializer"))
    return str(value) if alone else f"{SHORT.get(name, name)} {value}"


def read_entry(
    name: str, table: dict[str, dict], baseline: dict, seeds: int = 1, epochs: int | None = None
) -> tuple[dict, Configs]:
    """A row of the table with what it leaves out, and its configurations, one config a seed.

    They are its changes to `baseline` and to its own baseline. Raises InputError for whatever is
    wrong with them, before anything is trained.
    """
    if name not in table:
        raise InputError(
            f"there is no experiment {name!r}; there are: {', '.join(map(str, table))}"
        )
    where, entry = f"experiment {name!r}", table[name] if isinstance(table[name], dict) else {}
    for key, value in entry.items():
        if key not in ENTRY:
            raise InputError(f"{where}: {key!r} is not one of {', '.join(ENTRY)}")
        if type(value) is not type(ENTRY[key]):
            kind = type(ENTRY[key]).__name__
            raise InputError(f"{where}: {key} has to be a {kind}, not {value!r}")
    if not entry.get("question") or not entry.get("configurations"):
        raise InputError(f"{where}: needs a question, and configurations")
    entry = ENTRY | entry
    start = changed(changed(Config(), baseline, "BASELINE"), entry["baseline"], where)
    configs: Configs = {}
    same: dict[object, str] = {}  # label by config, and by what it is in a file name
    for label, changes in entry["configurations"].items():
        if label != str(label).strip()[:60] or not (label and label.isprintable()):
            raise InputError(f"{where}: the label {label!r} is not 1 to 60 printable characters")
        config = changed(start, changes, f"{where}, configuration {label!r}")
        config = config.with_(epochs=epochs or config.epochs)
        for key in (config, re.sub(r"[^\w.-]", "_", label).lower()):
            if same.setdefault(key, label) != label:
                what = "the same configuration, or file name"
                raise InputError(f"{where}: {same[key]!r} and {label!r} are {what}")
        configs[label] = [changed(config, {"seed": config.seed + n}, where) for n in range(seeds)]
    return entry, configs
