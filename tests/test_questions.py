"""From a table of questions to configurations; a table edited wrongly is refused at once."""

import pytest

import experiments
from src.common.errors import InputError
from src.runs.config import Config
from src.runs.questions import configurations, grid, is_ordered, what_differs

TABLE = {
    "rates": {"question": "?", "configurations": grid(learning_rate=[0.1, 0.2, 0.3])},
    "both": {
        "question": "?",
        "answer": "grid",
        "configurations": grid(learning_rate=[0.1, 0.2], hidden=[[], [8, 4]]),
    },
    "own": {
        "question": "?",
        "baseline": {"recipe": "best", "epochs": 3},
        "configurations": {"a": {}, "b": {"momentum": 0.5}, "c": {"recipe": "tuned"}},
    },
}


def found(name: str, table: dict = TABLE, **options: object) -> dict[str, list[Config]]:
    options = {"seeds": 2, "epochs": None, "baseline": {"epochs": 7, "seed": 5}} | options
    return configurations(name, table, **options)  # type: ignore[arg-type]


def test_each_configuration_is_its_changes_to_the_baseline_once_a_seed() -> None:
    rates = found("rates")
    assert list(rates) == ["learning_rate 0.1", "learning_rate 0.2", "learning_rate 0.3"]
    base = Config(epochs=7)
    assert rates["learning_rate 0.2"] == [
        base.with_(learning_rate=0.2, seed=5),
        base.with_(learning_rate=0.2, seed=6),
    ]
    assert {c.epochs for c in found("rates", epochs=4)["learning_rate 0.1"]} == {4}


def test_an_experiment_may_have_a_baseline_of_its_own() -> None:
    own = found("own")
    best = Config().with_(**experiments_recipe("best"))
    assert own["a"][0] == best.with_(epochs=3)
    assert own["b"][0] == best.with_(epochs=3, momentum=0.5)
    assert own["c"][0] == Config().with_(**experiments_recipe("tuned"))


def experiments_recipe(name: str) -> dict:
    from src.runs.recipes import RECIPES

    return RECIPES[name]


def test_a_grid_makes_all_combinations() -> None:
    both = found("both")
    assert list(both) == [
        "learning_rate 0.1, hidden none",
        "learning_rate 0.1, hidden 8-4",
        "learning_rate 0.2, hidden none",
        "learning_rate 0.2, hidden 8-4",
    ]
    assert what_differs(both) == ["hidden", "learning_rate"]
    assert list(grid(activation=["relu", "tanh"])) == ["relu", "tanh"]
    assert len(grid(learning_rate=[0.1234567, 0.1234568])) == 2
    assert list(grid(hidden=128)) == ["hidden 128"]  # refused later, in one line
    assert list(grid(hidden=[None])) == ["hidden None"]


def test_a_rising_series_of_one_number_is_ordered() -> None:
    assert is_ordered(found("rates"))
    assert not is_ordered(found("both"))
    assert not is_ordered(found("own"))


def entry(**changes: object) -> dict:
    return {"question": "?", "configurations": {"a": {}}} | changes


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"configurations": {"a": {}}}, "needs a question"),
        (entry(configuratoins={}), "'configuratoins' is not one of question, configurations"),
        (entry(configurations={}), "has no configurations"),
        (entry(configurations=[1]), "needs a question, and configurations"),
        (entry(configurations={"a": 3}), "configuration 'a': give a dict of changes"),
        (entry(configurations={"a": {"recipe": "bset"}}), "'a': there is no recipe 'bset'"),
        (entry(configurations={"a": {"recipe": ["best"]}}), "'a': there is no recipe"),
        (entry(configurations={"a": {"learn_rate": 1}}), "'a': there is no hyperparameter"),
        (entry(configurations={"a": {3: 1}}), "'a': there is no hyperparameter '3'"),
        (entry(configurations={"a": {"epochs": 0}}), "'a': epochs = 0"),
        (entry(baseline={"epoch": 1}), "there is no hyperparameter 'epoch'"),
        (entry(baseline=3), "baseline"),
        (entry(answer="cots"), "answer has to be one of ranking"),
        (entry(answer=["cost"]), "answer has to be one of ranking"),
        (entry(failures=True), "failures has to be"),
        (entry(score_test="yes"), "score_test has to be"),
        (entry(answer="grid"), "a grid needs two hyperparameters"),
        (entry(configurations={"a/b": {}, "a_b": {}}), "the same file name"),
        (entry(configurations={"aaa": {}, "AAA": {}}), "the same file name"),
        (entry(configurations={"x" * 260: {}}), "longer than 40"),
        (entry(configurations={3: {}}), "label 3 has"),
        (entry(configurations={"": {}}), "label '' has"),
        (entry(configurations={"a\nb": {}}), "has to be one line"),
        ([], "needs a question"),
    ],
)
def test_a_table_edited_wrongly_is_refused_before_anything_trains(
    wrong: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        found("mine", {"mine": wrong})
    assert str(caught.value).startswith("experiment 'mine'")


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(InputError, match="no experiment 'layers'; there are: rates, both, own"):
        found("layers")


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_shipped_experiment_is_sound(name: str) -> None:
    shipped = configurations(name, experiments.EXPERIMENTS, experiments.BASELINE, 2, None)
    every = [config for configs in shipped.values() for config in configs]
    assert len(set(every)) == len(every)
