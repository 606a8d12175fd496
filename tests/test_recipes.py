"""Recipes: the reference values that the README's tables were measured with, and what is chosen."""

from argparse import Namespace

import pytest

from src.common.errors import InputError
from src.runs.config import Config
from src.runs.recipes import RECIPES, chosen, recipe


def test_plain_is_the_reference_best_the_same_network_and_record_a_larger_one() -> None:
    plain, tuned, best, record = map(recipe, RECIPES)
    assert plain == Config()
    assert (plain.hidden, plain.activation, plain.initializer) == ((128, 64), "relu", "he_uniform")
    assert (plain.epochs, plain.batch_size, plain.learning_rate) == (20, 32, 0.1)
    assert (plain.momentum, plain.weight_decay, plain.augmentation) == (0, 0, "none")
    assert plain.hidden == tuned.hidden == best.hidden < record.hidden
    assert tuned.augmentation == tuned.preprocessing == "none"
    assert best.preprocessing == record.preprocessing == "normalise"


def test_flags_change_the_values_or_the_recipe() -> None:
    assert chosen({"epochs": 7}, Namespace(recipe=None, seed=5)) == Config(epochs=7, seed=5)
    assert chosen({"epochs": 7}, Namespace(recipe="best", seed=5)) == recipe("best").with_(seed=5)
    with pytest.raises(InputError, match=r"the VALUES in train.py: "):
        chosen([], Namespace(recipe=None))
