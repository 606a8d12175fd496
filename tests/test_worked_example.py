"""Numbers of docs/how-it-works.md and other pages, read there and compared with the code."""

import ast
import math
import operator
import re
import subprocess
import sys

import numpy as np
import pytest

from src.activations import softmax
from src.initializers import INITIALIZERS
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import sgd_step
from src.runs.config import Config
from src.runs.statistics import studentised_range
from tests.conftest import ROOT
from tests.docs_script import docs_script
from tests.gradient_check import largest_relative_error, numerical_gradient

worked_example = docs_script("worked_example")

CHAPTER, EXPERIMENTS, TEACHING = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("how-it-works", "experiments", "teaching")
)


def rows_of(heading: str, page: str = CHAPTER) -> list[list[str]]:
    """The cells of the rows of all tables under a heading, the tables' own headings included."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


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


def example_tables() -> dict[str, dict[str, list[str]]]:
    """The tables of the worked example: heading -> name -> cells, the value last."""
    tables: dict[str, dict[str, list[str]]] = {}
    for row in rows_of("A worked example"):
        if row[-1] == "value":
            tables[row[0]] = {}
        else:
            tables[list(tables)[-1]][row[0].strip("`")] = row[1:]
    return tables


WRITTEN = example_tables()
COMPUTED = worked_example.compute()
LONG_WAY = COMPUTED.pop("the long way")  # printed, but not on the page
ALL = {name: value for values in COMPUTED.values() for name, value in values.items()}
ON_PAPER = {n: cells for rows in WRITTEN.values() for n, cells in rows.items() if len(cells) == 2}


def test_the_page_has_the_tables_of_the_script_in_its_order():
    names = {heading: list(values) for heading, values in COMPUTED.items()}
    assert {heading: list(rows) for heading, rows in WRITTEN.items()} == names
    assert list(WRITTEN) == list(COMPUTED)


@pytest.mark.parametrize("heading", WRITTEN)
def test_every_value_is_what_the_script_prints(heading):
    page = {name: cells[-1].strip("`") for name, cells in WRITTEN[heading].items()}
    computed = COMPUTED[heading].items()
    assert page == {name: worked_example.written(value) for name, value in computed}


@pytest.mark.parametrize("name", ON_PAPER)
def test_the_arithmetic_on_paper(name):
    # the last steps go on with rounded numbers, so they may be off by a digit
    np.testing.assert_allclose(number(ON_PAPER[name][0]), ALL[name], rtol=0, atol=1e-4)


def test_one_step_of_src_does_all_of_it():
    network = worked_example.example_network()
    logits, cache = network.forward(ALL["x"])
    _, d_logits = cross_entropy(logits, ALL["labels"])
    gradient = network.backward(d_logits, cache)
    rate = float(ALL["learning_rate"])
    sgd_step(network, gradient, np.zeros_like(gradient), rate, Config())
    for layer in (0, 1):
        np.testing.assert_allclose(network.weights[layer], ALL[f"new weights[{layer}]"])
        np.testing.assert_allclose(network.biases[layer], ALL[f"new biases[{layer}]"])


def test_the_long_way_is_right_for_any_loss():
    """Through the Jacobian of softmax, also for a loss that is not cross-entropy."""
    np.testing.assert_allclose(LONG_WAY["softmax_backward"], ALL["d_logits"])
    logits = np.random.default_rng(0).normal(size=(3, 5))
    factor = np.random.default_rng(1).normal(size=(3, 5))
    d_logits = worked_example.softmax_backward(factor, softmax(logits))
    numeric = numerical_gradient(lambda: float(np.sum(factor * softmax(logits))), logits)
    assert largest_relative_error(d_logits, numeric) < 1e-6


def test_the_worksheet_asks_for_what_the_script_prints():
    rows = {row[0].strip("`"): row[1:] for row in rows_of("Worksheet", TEACHING)}
    for column, given in enumerate((worked_example.FIRST, worked_example.SECOND)):
        solution = worked_example.compute(given)["given"]
        for name in ("x", "weights[0]", "biases[0]", "weights[1]", "biases[1]"):
            cell = re.sub(r"log \d = ", "", rows[name][column]).strip("`")
            assert cell == worked_example.written(solution[name])
        assert rows["label"][column].strip("`") == str(solution["labels"][0])


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_script_prints_it_all(which):
    command = [sys.executable, worked_example.__file__, which]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    values = worked_example.compute(getattr(worked_example, which.upper()))
    for name, value in {n: v for rows in values.values() for n, v in rows.items()}.items():
        line = rf"^ *{re.escape(name)} +{re.escape(worked_example.written(value))}$"
        assert re.search(line, printed.stdout, re.MULTILINE), name


def test_the_table_of_shapes():
    rows = rows_of("A network, forward")[1:]
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
    rows = {
        row[0].strip("`"): list(map(float, row[1:])) for row in rows_of("The first weights")[1:]
    }
    assert set(rows) == set(INITIALIZERS)
    rng = np.random.default_rng(0)
    for name, (variance, one_layer, ten_layers) in rows.items():
        draws = [INITIALIZERS[name](rng, 32, 32) for _ in range(100)]
        assert np.var(draws) == pytest.approx(variance, rel=0.02)
        assert one_layer == pytest.approx(math.sqrt(32 * variance / 2), rel=1e-3)
        assert ten_layers == pytest.approx((32 * variance / 2) ** 5, rel=5e-3)


def test_the_table_of_quantiles():
    """Against the simulation that stands on the page, and against what experiments.py uses."""
    (code,) = re.findall(r"^```python\n(config.*?)^```", EXPERIMENTS, re.MULTILINE | re.DOTALL)
    simulated: dict = {"np": np}
    exec(compile(code, "docs/experiments.md", "exec"), simulated)
    rows = rows_of("Which differences are real", EXPERIMENTS)[1:]
    table = {int(k): (float(three), float(five)) for k, three, five in rows}
    assert simulated["q"] == pytest.approx(table[simulated["configurations"]][0], rel=0.01)
    for k, quantiles in table.items():
        for n, q in zip((3, 5), quantiles, strict=True):
            assert studentised_range(k, (k - 1) * (n - 1)) == pytest.approx(q, rel=0.015)
