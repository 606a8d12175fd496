"""What goes on inside a network: is the signal alive in each layer, does the gradient arrive?"""

import numpy as np

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.utils import scale


def layer_statistics(network: NeuralNetwork, images: np.ndarray, labels: np.ndarray) -> list[dict]:
    """One row for each layer, 1 = the first, measured on uint8 images (N, ...) and labels (N,):

    - activation_std: the spread of its pre-activations z over images and units;
    - gradient_std: the spread of dL/dW, the gradient of its weights;
    - gradient_ratio: |dL/dW| / |W|, how far one unit of learning rate would move them;
    - dead_share: the share of its units that are silent (z <= 0) for every image. It is 0 unless
      the network is a ReLU network and the layer hidden.
    """
    logits, cache = network.forward(scale(images, network.dtype))
    _, d_logits = cross_entropy(logits, labels)
    d_weights, _ = network.split(network.backward(d_logits, cache))
    rows = []
    for layer, (weights, d_w) in enumerate(zip(network.weights, d_weights), start=1):
        _, z, _ = cache[layer - 1]
        hidden = z is not None
        can_die = hidden and network.activation == "relu"
        norm = float(np.linalg.norm(weights))
        rows.append(
            {
                "layer": layer,
                "activation_std": float(np.std(z if hidden else logits)),
                "gradient_std": float(np.std(d_w)),
                "gradient_ratio": float(np.linalg.norm(d_w)) / norm if norm else 0.0,
                "dead_share": float(np.mean(np.all(z <= 0, axis=0))) if can_die else 0.0,
            }
        )
    return rows
