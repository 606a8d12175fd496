"""The network: parameters, the forward pass, the backward pass.

Shapes, for a batch of N images through a layer with D_in inputs and D_out units:

    a (N, D_in)    W (D_in, D_out)    b (D_out,)    z = a W + b (N, D_out)    next a = f(z)

The last layer has no f: its z are the logits. Labels, losses and learning rates are not known here.
A batch may be narrower than the first layer: utils.batches leaves out the first pixels where they
are blank in all its images. A column of zeros would add nothing to z, and its row of dW is 0.
"""

from itertools import pairwise

import numpy as np

from src.activations import ACTIVATIONS, softmax
from src.initializers import INITIALIZERS


class NeuralNetwork:
    """A fully connected network, from layer_sizes[0] inputs to layer_sizes[-1] logits.

    All parameters live in one flat vector, `parameters` (P,): the weights of all layers first, then
    all biases. weights[i] and biases[i] are views of it, on purpose: an optimizer that changes the
    vector has changed every layer. Without hidden sizes, [784, 10] is softmax regression.
    """

    def __init__(
        self,
        layer_sizes: list[int],
        activation: str = "relu",
        initializer: str = "he_uniform",
        seed: int = 0,
        dtype: type = np.float32,
    ) -> None:
        self.layer_sizes = [int(size) for size in layer_sizes]
        if len(self.layer_sizes) < 2 or min(self.layer_sizes) < 1 or activation not in ACTIVATIONS:
            raise ValueError(f"no network has layer sizes {layer_sizes}, activation {activation!r}")
        self.activation, self.dtype = activation, dtype
        self.parameters: np.ndarray = np.zeros(count_parameters(self.layer_sizes), dtype)
        self.weights, self.biases = self.split(self.parameters)
        self.weight_count = sum(weights.size for weights in self.weights)
        rng = np.random.default_rng(seed)
        for weights in self.weights:
            weights[...] = INITIALIZERS[initializer](rng, *weights.shape)

    def split(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Views of a vector (P,), parameters or their gradient: all weights, and all biases."""
        weights, biases, start = [], [], 0
        for fan_in, fan_out in pairwise(self.layer_sizes):
            end = start + fan_in * fan_out
            weights.append(vector[start:end].reshape(fan_in, fan_out))
            start = end
        for size in self.layer_sizes[1:]:
            biases.append(vector[start : start + size])
            start += size
        return weights, biases

    def forward(
        self, x: np.ndarray, dropout: float = 0.0, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, list[tuple]]:
        """x (N, D) to logits (N, K), and a cache of (a, z, dropout's factor) for each layer.

        With dropout, in training only, each hidden unit is silent with that probability and the
        others are scaled up, so that sums keep their mean (Srivastava et al., 2014).
        """
        if dropout and rng is None:
            raise ValueError("dropout needs a random generator, rng")
        activate, _ = ACTIVATIONS[self.activation]
        a, cache = x, []
        for weights, biases in zip(self.weights[:-1], self.biases[:-1]):
            z = a @ weights[-a.shape[1] :]  # (N, D_in) @ (D_in, D_out) = (N, D_out)
            z += biases
            keep = None
            if dropout and rng:
                keep = (rng.random(z.shape, np.float32) >= dropout) / self.dtype(1 - dropout)
            cache.append((a, z, keep))
            a = activate(z)
            if keep is not None:
                a *= keep
        cache.append((a, None, None))
        return a @ self.weights[-1][-a.shape[1] :] + self.biases[-1], cache

    def backward(
        self, d_logits: np.ndarray, cache: list[tuple], out: np.ndarray | None = None
    ) -> np.ndarray:
        """dL/dlogits (N, K) to dL/dparameters (P,), by the chain rule from the last layer back.

        Write dz for dL/dz (N, D_out). Since z = a W + b, with z_nj = sum_i a_ni W_ij + b_j:

            dL/dW_ij = sum_n a_ni dz_nj     so   dW = a^T dz       (D_in, N) @ (N, D_out)
            dL/db_j  = sum_n dz_nj          so   db = column sums of dz
            dL/da_ni = sum_j dz_nj W_ij     so   da = dz W^T       (N, D_out) @ (D_out, D_in)

        a is f(z) of the layer before, so that layer's dz = da * f'(z), element by element, and the
        same three lines serve again. `out` (P,), if given, is overwritten, not allocated anew. For
        a narrower batch the gradient is shorter: it begins at the first pixel that is there.
        """
        _, derivative = ACTIVATIONS[self.activation]
        gradient = np.empty_like(self.parameters) if out is None else out
        d_weights, d_biases = self.split(gradient)
        dz = d_logits
        for layer in reversed(range(len(self.weights))):
            a, _, _ = cache[layer]
            np.matmul(a.T, dz, out=d_weights[layer][-a.shape[1] :])
            dz.sum(axis=0, out=d_biases[layer])
            if layer > 0:  # the first layer's da is not needed
                _, z, keep = cache[layer - 1]
                dz = dz @ self.weights[layer].T
                dz *= derivative(z)
                if keep is not None:
                    dz *= keep
        return gradient[(self.layer_sizes[0] - a.shape[1]) * self.layer_sizes[1] :]  # a is x

    def predict_probabilities(self, x: np.ndarray) -> np.ndarray:
        """x (N, D), pixels in [0, 1], to probabilities (N, K). Raises ValueError for other x."""
        if x.ndim != 2 or x.shape[1] != self.layer_sizes[0]:
            raise ValueError(f"x has shape {x.shape}, not (N, {self.layer_sizes[0]})")
        if x.dtype.kind != "f" or not ((x >= 0) & (x <= 1)).all():
            raise ValueError("x is not floats in [0, 1]: utils.scale makes them of pixels 0-255")
        return softmax(self.forward(x)[0])

    def predict(self, x: np.ndarray) -> np.ndarray:
        """x (N, D), pixels in [0, 1], to the most probable class of each row (N,)."""
        return self.predict_probabilities(x).argmax(axis=1)


def count_parameters(layer_sizes: list[int]) -> int:
    """Weights and biases of a network with these layer sizes."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(layer_sizes))
