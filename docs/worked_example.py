"""Print every number of the worked example in docs/how-it-works.md, computed by the code in src/.

python docs/worked_example.py            # the example of the page, the first of the worksheet
python docs/worked_example.py second     # the second of the worksheet
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.activations import relu_derivative, softmax
from src.losses import cross_entropy
from src.model import NeuralNetwork

Values = dict[str, np.ndarray]

FIRST = {
    "x": [[1.0, 2.0]],
    "labels": [0],
    "weights": ([[0.5, -1], [0.25, 0.5]], [[2, 1], [-1, 3]]),  # of the first and second layer
    "biases": ([0, -0.5], [-1, math.log(3)]),
    "learning_rate": 0.1,
}
SECOND = {  # both units are active, and the network is certain of the wrong class
    "x": [[2.0, 1.0]],
    "labels": [1],
    "weights": ([[0.5, -0.5], [1, 2]], [[1, 2], [0.5, -1]]),
    "biases": ([-1, 0], [math.log(4), 0.5]),
    "learning_rate": 0.1,
}


def example_network(given: dict = FIRST) -> NeuralNetwork:
    """The network of the example: two inputs, two ReLU units, two classes."""
    network = NeuralNetwork([2, 2, 2], dtype=np.float64)
    for layer in (0, 1):
        network.weights[layer][...] = given["weights"][layer]
        network.biases[layer][...] = given["biases"][layer]
    return network


def loss_at(weight: float, given: dict = FIRST) -> np.ndarray:
    """The loss with another value in the place of weights[0][0, 0]."""
    network = example_network(given)
    network.weights[0][0, 0] = weight
    return np.array(cross_entropy(network.forward(np.array(given["x"]))[0], given["labels"])[0])


def softmax_backward(d_probabilities: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Carry a gradient back through softmax: dL/dp (N, K) and p (N, K) to dL/dlogits (N, K).

    The Jacobian is dp_j/dz_k = p_j (1[j = k] - p_k). The chain rule, summed over j, gives
    dL/dz_k = p_k (dL/dp_k - sum_j dL/dp_j p_j): right for any loss, but cross-entropy's dL/dp is
    -t/p, which divides by 0 if p underflows. So training takes the short way of losses.py.
    """
    weighted_sum = (d_probabilities * probabilities).sum(axis=1, keepdims=True)
    return probabilities * (d_probabilities - weighted_sum)


def layer_of(network: NeuralNetwork, vector: np.ndarray, layer: int, prefix: str = "") -> Values:
    """One layer's weights and biases in a vector (12,), under their names."""
    weights, biases = (part[layer].copy() for part in network.split(vector))
    return {f"{prefix}weights[{layer}]": weights, f"{prefix}biases[{layer}]": biases}


def compute(given: dict = FIRST) -> dict[str, Values]:
    """The tables of the page, in its order: heading -> name -> value."""
    network = example_network(given)
    x, labels, rate = (np.array(given[name]) for name in ("x", "labels", "learning_rate"))
    table = {"x": x, "labels": labels, **layer_of(network, network.parameters, 0)}
    table |= {**layer_of(network, network.parameters, 1), "learning_rate": rate}

    logits, cache = network.forward(x)
    (_, z, _), (a, _, _) = cache
    probabilities = softmax(logits)
    loss, d_logits = cross_entropy(logits, labels)
    forward = {"z": z, "a": a, "logits": logits}
    forward["logits - max"] = logits - logits.max(axis=1, keepdims=True)
    forward |= {"probabilities": probabilities, "loss": np.array(loss)}

    gradient = network.backward(d_logits, cache)
    da = d_logits @ network.weights[1].T
    backward = {"d_logits": d_logits, **layer_of(network, gradient, 1, "d_")}
    backward |= {"da": da, "dz": da * relu_derivative(z), **layer_of(network, gradient, 0, "d_")}

    right, left = loss_at(0.51, given), loss_at(0.49, given)
    check = {"loss at 0.51": right, "loss at 0.49": left, "slope": (right - left) / 0.02}

    network.parameters -= rate * gradient
    step = layer_of(network, network.parameters, 0, "new ")
    step |= layer_of(network, network.parameters, 1, "new ")
    logits, cache = network.forward(x)
    after = {"new z": cache[0][1], "new logits": logits, "new probabilities": softmax(logits)}
    after["new loss"] = np.array(cross_entropy(logits, labels)[0])

    targets = np.eye(2)[labels]
    d_probabilities = -targets / probabilities
    weighted_sum = (d_probabilities * probabilities).sum(axis=1, keepdims=True)
    long_way = {"d_probabilities": d_probabilities, "weighted_sum": weighted_sum}
    long_way["softmax_backward"] = softmax_backward(d_probabilities, probabilities)

    return {
        "given": table,
        "forward": forward,
        "backward": backward,
        "numerical check": check,
        "step": step,
        "after the step": after,
        "the long way": long_way,
    }


def written(value: np.ndarray) -> str:
    """A matrix row by row as in Python, numbers with up to four decimals: [[-1, 0.4302]]."""
    if value.ndim:
        return "[" + ", ".join(map(written, value)) + "]"
    return f"{round(float(value), 4) + 0:g}"  # + 0 turns -0 into 0


if __name__ == "__main__":
    for heading, values in compute(SECOND if "second" in sys.argv else FIRST).items():
        print(f"\n{heading}")
        for name, value in values.items():
            print(f"  {name:18} {written(value)}")
