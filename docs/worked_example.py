"""Print every number of the worked example in docs/how-it-works.md, computed by the code in src/.

python docs/worked_example.py
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.activations import relu_derivative, softmax, softmax_backward
from src.losses import cross_entropy, cross_entropy_of_probabilities
from src.model import NeuralNetwork
from src.utils import one_hot

X, LABELS, LEARNING_RATE = np.array([[1.0, 2.0]]), np.array([0]), 0.1
WEIGHTS = [[0.5, -1], [0.25, 0.5]], [[2, 1], [-1, 3]]  # of the first and the second layer
BIASES = [0, -0.5], [-1, math.log(3)]

Values = dict[str, np.ndarray]


def example_network() -> NeuralNetwork:
    """The network of the example: two inputs, two ReLU units, two classes."""
    network = NeuralNetwork([2, 2, 2], dtype=np.float64)
    for layer in (0, 1):
        network.weights[layer][...], network.biases[layer][...] = WEIGHTS[layer], BIASES[layer]
    return network


def loss_at(weight: float) -> np.ndarray:
    """The loss with another value in the place of weights[0][0, 0]."""
    network = example_network()
    network.weights[0][0, 0] = weight
    return np.array(cross_entropy(network.forward(X)[0], LABELS)[0])


def layer_of(network: NeuralNetwork, vector: np.ndarray, layer: int, prefix: str = "") -> Values:
    """One layer's weights and biases in a vector (12,), under their names."""
    weights, biases = (part[layer].copy() for part in network.split(vector))
    return {f"{prefix}weights[{layer}]": weights, f"{prefix}biases[{layer}]": biases}


def compute() -> dict[str, Values]:
    """The tables of the page, in its order: heading -> name -> value."""
    network = example_network()
    given = {"x": X, "labels": LABELS, **layer_of(network, network.parameters, 0)}
    given |= layer_of(network, network.parameters, 1)
    given["learning_rate"] = np.array(LEARNING_RATE)

    logits, cache = network.forward(X)
    (_, z, _), (a, _, _) = cache
    probabilities = softmax(logits)
    loss, d_logits = cross_entropy(logits, LABELS)
    forward = {"z": z, "a": a, "logits": logits}
    forward["logits - max"] = logits - logits.max(axis=1, keepdims=True)
    forward |= {"probabilities": probabilities, "loss": np.array(loss)}

    gradient = network.backward(d_logits, cache)
    da = d_logits @ network.weights[1].T
    backward = {"d_logits": d_logits, **layer_of(network, gradient, 1, "d_")}
    backward |= {"da": da, "dz": da * relu_derivative(z), **layer_of(network, gradient, 0, "d_")}

    _, d_probabilities = cross_entropy_of_probabilities(probabilities, one_hot(LABELS, 2))
    weighted_sum = (d_probabilities * probabilities).sum(axis=1, keepdims=True)
    long_way = {"d_probabilities": d_probabilities, "weighted_sum": weighted_sum}
    long_way["softmax_backward"] = softmax_backward(d_probabilities, probabilities)

    right, left = loss_at(0.51), loss_at(0.49)
    check = {"loss at 0.51": right, "loss at 0.49": left, "slope": (right - left) / 0.02}

    network.parameters -= LEARNING_RATE * gradient
    step = layer_of(network, network.parameters, 0, "new ")
    step |= layer_of(network, network.parameters, 1, "new ")
    logits, cache = network.forward(X)
    after = {"new z": cache[0][1], "new logits": logits, "new probabilities": softmax(logits)}
    after["new loss"] = np.array(cross_entropy(logits, LABELS)[0])

    return {
        "given": given,
        "forward": forward,
        "backward": backward,
        "the long way": long_way,
        "numerical check": check,
        "step": step,
        "after the step": after,
    }


def written(value: np.ndarray) -> str:
    """A matrix row by row as in Python, numbers with up to four decimals: [[-1, 0.4302]]."""
    if value.ndim:
        return "[" + ", ".join(map(written, value)) + "]"
    return f"{round(float(value), 4) + 0:g}"  # + 0 turns -0 into 0


if __name__ == "__main__":
    for heading, values in compute().items():
        print(f"\n{heading}")
        for name, value in values.items():
            print(f"  {name:18} {written(value)}")
