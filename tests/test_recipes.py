"""The reference values of the recipes that the README's tables were measured with."""

from src.runs.config import Config
from src.runs.recipes import RECIPES, recipe


def test_the_plain_recipe_is_the_reference_network_with_plain_sgd():
    plain = recipe("plain")
    assert plain == Config()
    assert (plain.hidden, plain.activation, plain.initializer) == ((128, 64), "relu", "he_uniform")
    assert (plain.epochs, plain.batch_size, plain.learning_rate) == (20, 32, 0.1)
    assert (plain.momentum, plain.weight_decay, plain.augmentation) == (0, 0, "none")


def test_best_is_the_same_network_and_record_a_larger_one():
    assert list(RECIPES) == ["plain", "tuned", "best", "record"]
    assert recipe("tuned").hidden == recipe("best").hidden == recipe("plain").hidden
    assert recipe("tuned").augmentation == recipe("tuned").preprocessing == "none"
    assert recipe("best").preprocessing == recipe("record").preprocessing == "normalise"
    assert recipe("record").hidden > recipe("best").hidden
