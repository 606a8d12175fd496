"""Hyperparameters: what is allowed, what is refused, and the flags made from them."""

import argparse
import dataclasses
import math
import shlex

import pytest

from src.common.errors import InputError
from src.runs.config import Config, add_flags, as_flags, given_flags
from src.runs.recipes import RECIPES, recipe

FIELDS = {each.name: each for each in dataclasses.fields(Config)}
NUMBERS = [name for name, each in FIELDS.items() if "low" in each.metadata]
CHOICES = [name for name, each in FIELDS.items() if "choices" in each.metadata]


def test_every_field_has_a_check_and_says_what_it_does():
    assert {*NUMBERS, *CHOICES, "hidden"} == set(FIELDS)
    assert all(each.metadata["what"] for each in FIELDS.values())


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_out_of_range_are_refused_with_field_and_range(name):
    low, high = FIELDS[name].metadata["low"], FIELDS[name].metadata["high"]
    for value in (low, high):
        assert getattr(Config().with_(**{name: value}), name) == value
    for value in (low - 1, high + 1, math.nan, math.inf, "1", None, True, [1]):
        with pytest.raises(InputError, match=rf"{name} = .* from "):
            Config().with_(**{name: value})
    if isinstance(FIELDS[name].default, int):
        with pytest.raises(InputError, match=f"{name} = .* whole number"):
            Config().with_(**{name: low + 0.5})


@pytest.mark.parametrize("name", CHOICES)
def test_unknown_choices_are_refused_and_the_known_ones_named(name):
    choices = FIELDS[name].metadata["choices"]
    for choice in choices:
        assert getattr(Config().with_(**{name: choice}), name) == choice
    for value in ("no such activation", None, 7):
        with pytest.raises(InputError, match=f"{name} = ") as caught:
            Config().with_(**{name: value})
        assert all(str(choice) in str(caught.value) for choice in choices)


@pytest.mark.parametrize("hidden", [5, None, "64", [0], [-1], [1.5], [True], [10_001], [8] * 101])
def test_impossible_hidden_layers_are_refused(hidden):
    with pytest.raises(InputError, match="hidden = "):
        Config(hidden=hidden)


def test_hidden_layers_may_be_a_list_or_none_and_a_config_cannot_change():
    assert Config(hidden=[32, 16]) == Config(hidden=(32, 16))
    assert hash(Config(hidden=[])) == hash(Config(hidden=()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().epochs = 3


def test_an_unknown_name_is_refused_and_the_known_ones_named():
    with pytest.raises(InputError, match=r"no hyperparameter 'learning_rat'.*learning_rate"):
        Config().with_(learning_rat=0.1)
    with pytest.raises(InputError, match=r"no recipe 'bset'; there are: plain"):
        recipe("bset")


def parsed(line: str) -> Config:
    parser = argparse.ArgumentParser()
    add_flags(parser, {"hidden": [7], "epochs": 3})
    return Config().with_(**given_flags(parser.parse_args(shlex.split(line))))


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("--hidden 256,128", (256, 128)),
        ("--hidden 256 128", (256, 128)),
        ("--hidden 256, 128", (256, 128)),
        ("--hidden none", ()),
        ("--hidden", ()),
        ("", (128, 64)),
    ],
)
def test_hidden_layers_on_the_command_line(line, hidden):
    assert parsed(line).hidden == hidden


def test_each_hyperparameter_has_a_flag():
    line = "--momentum 0.9 --nesterov --weight-decay 1e-4 --validation-fraction 0 "
    line += "--activation tanh --split-seed 3 --augmentation affine --dropout .2"
    found = parsed(line)
    assert (found.momentum, found.nesterov, found.weight_decay) == (0.9, True, 1e-4)
    assert (found.validation_fraction, found.activation, found.split_seed) == (0, "tanh", 3)
    assert (found.augmentation, found.dropout, found.batch_size) == ("affine", 0.2, 32)


def test_a_size_that_is_no_number_is_named():
    for line in ("--hidden 12x", "--hidden=-3", "--hidden 1.5"):
        with pytest.raises(InputError, match=r"--hidden .*give sizes such as 256,128, or none"):
            parsed(line)


def test_help_names_the_defaults_of_the_caller():
    parser = argparse.ArgumentParser()
    add_flags(parser, {"hidden": [7], "epochs": 3})
    text = " ".join(parser.format_help().split())
    assert "(default: 7, `none` for no hidden layer)" in text
    assert "typical (default: 3)" in text


@pytest.mark.parametrize("name", RECIPES)
def test_the_flags_of_a_config_make_it_again(name):
    config = recipe(name).with_(hidden=(), seed=4)
    assert parsed(as_flags(config, Config())) == config
    assert as_flags(config, config) == ""
