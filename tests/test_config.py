"""Hyperparameters: what is allowed, what is refused, and the flags made from them."""

import argparse
import dataclasses
import math

import pytest

from src.activations import ACTIVATIONS
from src.common.errors import InputError
from src.common.script import ArgumentParser
from src.runs.config import Config, add_flags, as_flags
from src.runs.recipes import RECIPES, chosen, recipe

FIELDS = {each.name: each for each in dataclasses.fields(Config)}
ALLOWED = {name: each.metadata["allowed"] for name, each in FIELDS.items() if name != "hidden"}
NUMBERS = [name for name, allowed in ALLOWED.items() if isinstance(allowed, tuple)]
CHOICES = [name for name in ALLOWED if name not in NUMBERS]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_out_of_range_are_refused_with_field_and_range(name):
    low, high = ALLOWED[name]
    wrong = [low - 1, high + 1, math.nan, math.inf, "1", None, [1]]
    if isinstance(FIELDS[name].default, int):
        wrong.append(low + 0.5)
    for value in (low, high):
        assert getattr(Config(**{name: value}), name) == value
    for value in wrong:
        with pytest.raises(InputError, match=rf"{name} = .* give a (whole )?number from "):
            Config(**{name: value})


@pytest.mark.parametrize("name", CHOICES)
def test_unknown_choices_are_refused_and_the_known_ones_named(name):
    choices = list(ALLOWED[name])
    assert [getattr(Config(**{name: choice}), name) for choice in choices] == choices
    for value in ("no such activation", None, 7, ["relu"]):
        with pytest.raises(InputError, match=f"{name} = ") as caught:
            Config(**{name: value})
        assert all(str(choice) in str(caught.value) for choice in choices)


@pytest.mark.parametrize("hidden", [5, None, "64", [0], [1.5], [10_001], ["8"]])
def test_impossible_hidden_layers_are_refused(hidden):
    with pytest.raises(InputError, match=r"hidden = .* give a (list|whole number from 1 to 10)"):
        Config(hidden=hidden)


def test_hidden_layers_may_be_a_list_and_a_config_cannot_change():
    assert hash(Config(hidden=[])) == hash(Config(hidden=()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().epochs = 3


def test_an_unknown_name_is_refused_and_the_known_ones_named():
    with pytest.raises(InputError, match=r"no hyperparameter 'learning_rat'.*learning_rate"):
        Config().with_(learning_rat=0.1)
    with pytest.raises(InputError, match=r"no recipe 'bset'; there are: plain"):
        recipe("bset")


def parsed(line: str) -> Config:
    """The config that train.py makes of these flags."""
    parser = ArgumentParser()
    parser.add_argument("--recipe")
    add_flags(parser, {})
    return chosen({}, parser.parse_args(line.split()))


@pytest.mark.parametrize(
    ("line", "hidden"), [("--hidden 256,128", (256, 128)), ("--hidden none", ()), ("", (128, 64))]
)
def test_hidden_layers_on_the_command_line(line, hidden):
    assert parsed(line).hidden == hidden


@pytest.mark.parametrize("text", ["12x", "1.5", "9" * 5000, "256,"])
def test_a_size_that_is_no_number_is_named(text):
    with pytest.raises(InputError, match=r"--hidden: .*give 256,128, say, or none"):
        parsed(f"--hidden {text}")


@pytest.mark.parametrize("name", RECIPES)
def test_the_flags_of_a_config_make_it_again(name):
    others = {"hidden": (), "activation": "tanh", "split_seed": 3, "dropout": 0.2}
    for config in (recipe(name), recipe(name).with_(**others)):
        assert parsed(as_flags(config)) == config
    assert as_flags(Config()) == "--recipe plain"


def test_an_activation_may_be_added_at_any_time(monkeypatch):
    with pytest.raises(InputError, match="activation = 'cube'"):
        Config(activation="cube")
    monkeypatch.setitem(ACTIVATIONS, "cube", (None, None))
    assert Config(activation="cube").activation == "cube" == parsed("--activation cube").activation


def test_help_names_the_defaults_of_the_caller():
    parser = argparse.ArgumentParser()
    with pytest.raises(InputError, match="VALUES = None: has to be a dict"):
        add_flags(parser, None)
    add_flags(parser, {"hidden": [7], "epochs": 3})
    text = " ".join(parser.format_help().split())
    assert "or none (default: 7)" in text and "typical (default: 3)" in text
    assert "SUPPRESS" not in text
