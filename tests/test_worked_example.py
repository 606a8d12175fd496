"""Numbers of docs/how-it-works.md and other pages, read there and compared with the code."""

import ast
import math
import re
import runpy

import numpy as np
import pytest
import worked_example

from src.activations import softmax
from src.initializers import INITIALIZERS
from src.model import NeuralNetwork
from src.runs.statistics import studentised_range
from tests.conftest import ROOT
from tests.gradient_check import largest_relative_error, numerical_gradient

CHAPTER, EXPERIMENTS, TEACHING = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("how-it-works", "experiments", "teaching")
)


def rows_of(heading, page=CHAPTER):
    """The cells of the rows of all tables under a heading, the tables' own headings included."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    cells = [[cell.strip(" `") for cell in row.split("|")] for row in rows]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


def example_tables():
    """The tables of the worked example: heading -> name -> cells, the value last."""
    tables = {}
    for name, *cells in rows_of("A worked example"):
        if cells[-1] == "value":
            table = tables[name] = {}
        else:
            table[name] = cells
    return tables


WRITTEN = example_tables()
COMPUTED = worked_example.compute()
LONG_WAY = COMPUTED.pop("the long way")  # printed, but not on the page
ALL = {name: value for values in COMPUTED.values() for name, value in values.items()}
ON_PAPER = {n: cells[0] for rows in WRITTEN.values() for n, cells in rows.items() if cells[1:]}


def test_every_value_is_what_the_script_prints():
    page = [(at, n, cells[-1]) for at, rows in WRITTEN.items() for n, cells in rows.items()]
    written = worked_example.written
    assert page == [(at, n, written(v)) for at, rows in COMPUTED.items() for n, v in rows.items()]


@pytest.mark.parametrize("name", ON_PAPER)
def test_the_arithmetic_on_paper(name):
    value = eval(ON_PAPER[name], {"log": math.log, "exp": math.exp})
    # the last steps go on with rounded numbers, so they may be off by a digit
    np.testing.assert_allclose(value, ALL[name], rtol=0, atol=1e-4)


def test_the_long_way_is_right_for_any_loss():
    """Through the Jacobian of softmax, also for a loss that is not cross-entropy."""
    np.testing.assert_allclose(LONG_WAY["softmax_backward"], ALL["d_logits"])
    logits, factor = np.random.default_rng(0).normal(size=(2, 3, 5))
    d_logits = worked_example.softmax_backward(factor, softmax(logits))
    numeric = numerical_gradient(lambda: float(np.sum(factor * softmax(logits))), logits)
    assert largest_relative_error(d_logits, numeric) < 1e-6


def test_the_worksheet_asks_for_what_the_script_prints():
    rows = {row[0]: row[1:] for row in rows_of("Worksheet", TEACHING)}
    for column, given in enumerate((worked_example.FIRST, worked_example.SECOND)):
        solution = worked_example.compute(given)["given"]
        for name in ("x", "weights[0]", "biases[0]", "weights[1]", "biases[1]"):
            cell = re.sub(r"log \d = ", "", rows[name][column])
            assert cell == worked_example.written(solution[name])
        assert rows["label"][column] == str(solution["labels"][0])


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_script_prints_it_all(which, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["worked_example.py", which])
    runpy.run_path(worked_example.__file__, run_name="__main__")
    printed = re.sub(" +", " ", capsys.readouterr().out)
    for values in worked_example.compute(getattr(worked_example, which.upper())).values():
        for name, value in values.items():
            assert f"\n {name} {worked_example.written(value)}\n" in printed


def test_the_table_of_shapes():
    network = NeuralNetwork([784, 128, 64, 10])
    logits, cache = network.forward(np.zeros((32, 784), np.float32))
    rows = rows_of("A network, forward")[1:]
    layers = zip(rows, cache, network.weights, network.biases, strict=True)
    for (_, *shapes, count), (a, z, _), weights, biases in layers:
        arrays = [a, weights, biases, logits if z is None else z]
        assert [ast.literal_eval(shape) for shape in shapes] == [array.shape for array in arrays]
        assert int(count.replace(",", "")) == weights.size + biases.size


def test_the_table_of_initializers():
    rows = {
        name: [float(cell) for cell in cells] for name, *cells in rows_of("The first weights")[1:]
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
    exec(code, simulated)
    rows = rows_of("Which differences are real", EXPERIMENTS)[1:]
    table = {int(k): (float(three), float(five)) for k, three, five in rows}
    assert simulated["q"] == pytest.approx(table[simulated["configurations"]][0], rel=0.01)
    for k, quantiles in table.items():
        for n, q in zip((3, 5), quantiles, strict=True):
            assert studentised_range(k, (k - 1) * (n - 1)) == pytest.approx(q, rel=0.015)
