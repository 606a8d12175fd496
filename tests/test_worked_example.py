"""The numbers in docs/how-it-works.md: read from the page, and compared with what the code says."""

import ast
import math
import operator
import re

import numpy as np
import pytest

from src.activations import relu, relu_derivative, softmax, softmax_backward
from src.initializers import INITIALIZERS
from src.losses import cross_entropy, cross_entropy_of_probabilities
from src.model import NeuralNetwork
from src.optimizers import sgd_step
from src.utils import one_hot
from tests.conftest import ROOT
from train import Config, training_step

CHAPTER = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
ROUNDED = 5.001e-5  # four decimals


def table(heading: str) -> list[list[str]]:
    """The cells of the rows of all tables under a heading, without the tables' own headings."""
    section = CHAPTER.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    rule = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
    headings = {number - 1 for number in rule} | set(rule)
    return [row for number, row in enumerate(cells) if number not in headings]


OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS = {"log": math.log, "exp": math.exp, "max": max}


def calculate(node: ast.AST) -> float | list:
    """What is written on paper: numbers, + - * /, log, exp, max, and rows of such."""
    match node:
        case ast.Expression():
            return calculate(node.body)
        case ast.List():
            return [calculate(element) for element in node.elts]
        case ast.Constant(value=int() | float()):
            return node.value
        case ast.UnaryOp(op=ast.USub()):
            return -calculate(node.operand)
        case ast.BinOp():
            return OPERATORS[type(node.op)](calculate(node.left), calculate(node.right))
        case ast.Call(func=ast.Name()):
            return FUNCTIONS[node.func.id](*map(calculate, node.args))
    raise ValueError(ast.dump(node))


def number(cell: str) -> np.ndarray:
    return np.array(calculate(ast.parse(cell.strip("`"), mode="eval")), np.float64)


EXAMPLE = {row[0].strip("`"): row[1:] for row in table("A worked example")}
VALUES = {name: number(cells[-1]) for name, cells in EXAMPLE.items()}


def given_network() -> NeuralNetwork:
    """The network of the example, its fourth bias with all its decimals."""
    network = NeuralNetwork([2, 2, 2], dtype=np.float64)
    for layer in (0, 1):
        network.weights[layer][...] = VALUES[f"weights[{layer}]"]
        network.biases[layer][...] = VALUES[f"biases[{layer}]"]
    network.biases[1][1] = math.log(3)
    return network


def loss_at(weight: float, x: np.ndarray, labels: np.ndarray) -> float:
    network = given_network()
    network.weights[0][0, 0] = weight
    return cross_entropy(network.forward(x)[0], labels)[0]


def computed() -> dict[str, np.ndarray | float]:
    """Every value of the example, by the project's own functions."""
    network, x = given_network(), VALUES["x"]
    labels, learning_rate = VALUES["labels"].astype(int), float(VALUES["learning_rate"])
    found: dict[str, np.ndarray | float] = {
        "x": x,
        "labels": labels,
        "learning_rate": learning_rate,
        "weights[0]": network.weights[0].copy(),
        "biases[0]": network.biases[0].copy(),
        "weights[1]": network.weights[1].copy(),
        "biases[1]": network.biases[1].copy(),
    }

    logits, cache = network.forward(x)
    z, a, probabilities = cache[0][1], cache[1][0], softmax(logits)
    np.testing.assert_array_equal(a, relu(z))
    loss, d_logits = cross_entropy(logits, labels)
    found |= {"z": z, "a": a, "logits": logits, "probabilities": probabilities, "loss": loss}
    found["logits - max"] = logits - logits.max(axis=1, keepdims=True)

    gradient = network.backward(d_logits, cache)
    d_weights, d_biases = network.split(gradient.copy())
    da = d_logits @ network.weights[1].T
    found |= {"d_logits": d_logits, "da": da, "dz": da * relu_derivative(z)}
    found |= {"d_weights[0]": d_weights[0], "d_biases[0]": d_biases[0]}
    found |= {"d_weights[1]": d_weights[1], "d_biases[1]": d_biases[1]}

    targets = one_hot(labels, 2, np.float64)
    long_loss, d_probabilities = cross_entropy_of_probabilities(probabilities, targets)
    assert long_loss == pytest.approx(loss)
    found["d_probabilities"] = d_probabilities
    found["weighted_sum"] = (d_probabilities * probabilities).sum(axis=1, keepdims=True)
    found["softmax_backward"] = softmax_backward(d_probabilities, probabilities)

    right, left = loss_at(0.51, x, labels), loss_at(0.49, x, labels)
    found |= {"loss at 0.51": right, "loss at 0.49": left, "slope": (right - left) / 0.02}

    sgd_step(network.parameters, gradient, np.zeros_like(gradient), learning_rate)
    for layer in (0, 1):
        found[f"new weights[{layer}]"] = network.weights[layer]
        found[f"new biases[{layer}]"] = network.biases[layer]
    logits, cache = network.forward(x)
    loss, _ = cross_entropy(logits, labels)
    found |= {"new z": cache[0][1], "new logits": logits, "new loss": loss}
    found["new probabilities"] = softmax(logits)
    return found


COMPUTED = computed()


def test_no_value_is_missing_on_the_page_or_here():
    assert len(EXAMPLE) == len(table("A worked example"))  # no name twice
    assert set(EXAMPLE) == set(COMPUTED)


@pytest.mark.parametrize("name", EXAMPLE)
def test_every_value_is_what_the_code_computes(name):
    found = np.asarray(COMPUTED[name])
    assert found.shape == VALUES[name].shape
    np.testing.assert_allclose(found, VALUES[name], rtol=0, atol=ROUNDED)


@pytest.mark.parametrize("name", [name for name, cells in EXAMPLE.items() if len(cells) == 2])
def test_the_arithmetic_on_paper(name):
    paper = number(EXAMPLE[name][0])
    # the last steps go on with rounded numbers, so they may be off by a digit more
    np.testing.assert_allclose(paper, VALUES[name], rtol=0, atol=2 * ROUNDED)


def test_one_training_step_does_all_of_it():
    network = given_network()
    gradient, velocity = np.empty_like(network.parameters), np.zeros_like(network.parameters)
    loss = training_step(
        network,
        VALUES["x"],
        VALUES["labels"].astype(int),
        gradient,
        velocity,
        float(VALUES["learning_rate"]),
        Config(),
        np.random.default_rng(0),
    )
    assert loss == pytest.approx(float(VALUES["loss"]), abs=ROUNDED)
    for layer in (0, 1):
        for kind, found in (("weights", network.weights), ("biases", network.biases)):
            expected = VALUES[f"new {kind}[{layer}]"]
            np.testing.assert_allclose(found[layer], expected, rtol=0, atol=ROUNDED)


def test_the_table_of_shapes():
    rows = table("Shapes")
    network = NeuralNetwork([784, 128, 64, 10])
    logits, cache = network.forward(np.zeros((32, 784), np.float32))
    assert len(rows) == len(network.weights)
    for layer, (_, a, w, b, z, count) in enumerate(rows):
        weights, biases = network.weights[layer], network.biases[layer]
        found_z = logits if cache[layer][1] is None else cache[layer][1]
        shapes = [array.shape for array in (cache[layer][0], weights, biases, found_z)]
        assert [ast.literal_eval(cell) for cell in (a, w, b, z)] == shapes
        assert int(count.replace(",", "")) == weights.size + biases.size


def test_the_table_of_initializers():
    rows = {row[0].strip("`"): list(map(float, row[1:])) for row in table("The first weights")}
    assert set(rows) == set(INITIALIZERS)
    rng = np.random.default_rng(0)
    for name, (variance, one_layer, ten_layers) in rows.items():
        draws = [INITIALIZERS[name](rng, 32, 32) for _ in range(100)]
        assert np.var(draws) == pytest.approx(variance, rel=0.02)
        assert one_layer == pytest.approx(math.sqrt(32 * variance / 2), rel=1e-3)
        assert ten_layers == pytest.approx((32 * variance / 2) ** 5, rel=5e-3)
