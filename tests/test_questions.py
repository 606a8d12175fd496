"""From a table of questions to configurations; a table edited wrongly is refused at once."""

from pathlib import Path

import pytest

import experiments
from src.common.errors import InputError
from src.runs.config import Config
from src.runs.questions import grid, read_entry
from src.runs.recipes import recipe
from src.runs.storage import folder_for

TABLE = {
    "rates": {"question": "?", "configurations": grid(learning_rate=[0.1, 0.2, 0.3])},
    "own": {
        "question": "?",
        "baseline": {"recipe": "best", "epochs": 3},
        "configurations": {"a": {}, "b": {"momentum": 0.5}, "c": {"recipe": "tuned"}},
    },
}


def found(name: str, table: dict = TABLE, **options: object) -> dict[str, list[Config]]:
    options = {"seeds": 2, "epochs": None, "baseline": {"epochs": 7, "seed": 5}} | options
    return read_entry(name, table, **options)[1]  # type: ignore[arg-type]


def test_each_configuration_is_its_changes_to_a_baseline_once_a_seed() -> None:
    """To that of all experiments, or to its experiment's own."""
    rates, base = found("rates"), Config(epochs=7, learning_rate=0.2)
    assert list(rates) == ["lr 0.1", "lr 0.2", "lr 0.3"]
    assert rates["lr 0.2"] == [base.with_(seed=5), base.with_(seed=6)]
    assert {c.epochs for c in found("rates", epochs=4)["lr 0.1"]} == {4}
    own, best = found("own"), recipe("best")
    assert own["a"][0] == best.with_(epochs=3)
    assert own["b"][0] == best.with_(epochs=3, momentum=0.5)
    assert own["c"][0] == recipe("tuned")


def test_a_grid_makes_all_combinations() -> None:
    labels = ["lr 0.1, hidden none", "lr 0.1, hidden 8-4"]
    labels += ["lr 0.2, hidden none", "lr 0.2, hidden 8-4"]
    assert list(grid(learning_rate=[0.1, 0.2], hidden=[[], [8, 4]])) == labels
    assert list(grid(activation=["relu", "tanh"])) == ["relu", "tanh"]
    three = grid(activation=["relu", "tanh"], learning_rate=[0.03], batch_size=[32, 64])
    assert list(three)[1] == "relu, lr 0.03, batch 64"
    assert list(grid(hidden=128)) == ["hidden 128"]  # refused later, in one line
    with pytest.raises(InputError, match=r"grid: 'lr 0\.2' is there twice"):
        grid(learning_rate=[0.1, 0.2, 0.2])


def entry(**changes: object) -> dict:
    return {"question": "?", "configurations": {"a": {}}} | changes


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"configurations": {"a": {}}}, "needs a question"),
        (entry(configuratoins={}), "'configuratoins' is not one of question, configurations"),
        (entry(configurations={}), "needs a question, and configurations"),
        (entry(configurations={"a": 3}), "configuration 'a': give a dict of changes"),
        (entry(configurations={"a": {"recipe": "bset"}}), "'a': there is no recipe 'bset'"),
        (entry(configurations={"a": {"learn_rate": 1}}), "'a': there is no hyperparameter"),
        (entry(configurations={"a": {3: 1}}), "'a': there is no hyperparameter '3'"),
        (entry(configurations={"a": {"epochs": 0}}), "'a': epochs = 0"),
        (entry(baseline={"epoch": 1}), "there is no hyperparameter 'epoch'"),
        (entry(baseline=3), "baseline has to be a dict, not 3"),
        (entry(may_fail="yes"), "may_fail has to be a bool, not 'yes'"),
        (
            entry(configurations={"A/b": {}, "a_b": {"epochs": 3}}),
            "are the same configuration, or file",
        ),
        (entry(configurations={"a": {}, "b": {}}), "'a' and 'b' are the same"),
        (entry(configurations={"x" * 61: {}}), "x' is not 1 to 60 printable"),
        (entry(configurations={3: {}}), "label 3 is not"),
        (entry(configurations={" ": {}}), "label ' ' is not"),
        (entry(configurations={"a\nb": {}}), "is not 1 to 60 printable"),
        (entry(configurations={"a": {"seed": 2**32 - 1}}), "seed = 4294967296"),
        ([], "needs a question"),
    ],
)
def test_a_table_edited_wrongly_is_refused_before_anything_trains(
    wrong: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        found("mine", {"mine": wrong})
    assert str(caught.value).startswith("experiment 'mine'")


def test_a_faulty_baseline_is_named() -> None:
    for wrong in (None, {"epoch": 3}, {"epochs": 0}):
        with pytest.raises(InputError, match=r"^BASELINE: "):
            found("rates", baseline=wrong)


@pytest.mark.parametrize("name", ["../up", "", "a b", "a.b", "a\n", 7, "runs", "größe", "mine"])
def test_names_are_names_and_not_paths_nor_folders_of_runs(name: object, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "network.npz").touch()
    reason = r"a name consists of|holds network\.npz of another|folder of the sweeps"
    with pytest.raises(InputError, match=reason):
        folder_for(tmp_path, name, "network.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert folder_for(tmp_path, "my-own_2", "network.npz").is_dir()


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(InputError, match="no experiment 'layers'; there are: rates, own"):
        found("layers")


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_shipped_experiment_is_sound(name: str) -> None:
    found(name, experiments.EXPERIMENTS, baseline=experiments.BASELINE)
