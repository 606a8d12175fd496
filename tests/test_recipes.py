"""Recipes: the reference values that the README's tables were measured with, and what is chosen."""

from argparse import Namespace
from pathlib import Path

import pytest

from src.common.errors import InputError
from src.model import NeuralNetwork
from src.reading.saved import save_network
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


def test_a_saved_network_goes_on_with_its_own_values_and_no_other_layers(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    known = {"preprocessing": "deskew", "config": {"epochs": 3}}
    save_network(path, NeuralNetwork([784, 8, 10], "tanh"), known, [1, 2])
    config, network, seen = chosen({"epochs": 7}, Namespace(recipe=None, go_on=path, seed=5))
    same = {"hidden": (8,), "activation": "tanh", "preprocessing": "deskew"}
    assert config == Config(epochs=3, seed=5, **same) and seen.tolist() == [1, 2]
    assert network is not None and network.layer_sizes == [784, 8, 10]
    with pytest.raises(InputError, match=r"the VALUES in train.py: "):
        chosen([], Namespace(recipe=None, go_on=None))
    for change in ({"hidden": (9,)}, {"activation": "relu"}, {"recipe": "best"}):
        with pytest.raises(
            InputError, match=r"--continue: the network is \[784, 8, 10\] with tanh"
        ):
            chosen({}, Namespace(**{"recipe": None, "go_on": path} | change))
