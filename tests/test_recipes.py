"""The reference values of the recipes that the README's tables were measured with."""

from src.runs.config import Config
from src.runs.recipes import RECIPES, recipe


def test_plain_is_the_reference_best_the_same_network_and_record_a_larger_one():
    plain, tuned, best, record = map(recipe, RECIPES)
    assert plain == Config()
    assert (plain.hidden, plain.activation, plain.initializer) == ((128, 64), "relu", "he_uniform")
    assert (plain.epochs, plain.batch_size, plain.learning_rate) == (20, 32, 0.1)
    assert (plain.momentum, plain.weight_decay, plain.augmentation) == (0, 0, "none")
    assert plain.hidden == tuned.hidden == best.hidden < record.hidden
    assert tuned.augmentation == tuned.preprocessing == "none"
    assert best.preprocessing == record.preprocessing == "normalise"
