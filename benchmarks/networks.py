"""The same network in NumPy, PyTorch, scikit-learn and JAX, for training_speed.py.

A contestant is (digits, batch size, hyperparameters) -> a function that makes a fresh network and
returns `epoch()`, which is timed, or tells the seconds itself, and `predict()`, the answers for
the test images. Its library is imported by whoever takes part.
"""

import os
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from common import EMBEDDED, stopwatch  # before `src`, which it makes findable
from src.digits.data import load_data
from src.digits.preprocessing import PREPROCESSING
from src.initializers import INITIALIZERS
from src.runs.recipes import recipe
from src.utils import scale

SIZES = [784, 128, 64, 10]
FLOOR = "matrix products only"
OURS = "ours"
BEST = "ours, recipe best"
TORCH = "PyTorch eager"
COMPILED = "PyTorch compiled"
SKLEARN = "scikit-learn"
JAX_STEP = "JAX, jitted step"
JAX_SCAN = "JAX, jitted epoch"

Fresh = Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]


class Digits:
    """MNIST as it is, for us, and as float32 in [0, 1], ready in memory, for everybody else."""

    def __init__(self) -> None:
        self.data = load_data(str(EMBEDDED))
        self.labels, self.test_labels = self.data.labels, self.data.test_labels
        self.x, self.x_test = scale(self.data.images), scale(self.data.test_images)


def he_uniform() -> list[np.ndarray]:
    """First weights of everybody, as float32."""
    rng = np.random.default_rng(0)
    return [INITIALIZERS["he_uniform"](rng, *s).astype(np.float32) for s in pairwise(SIZES)]


def floor(digits: Digits, batch_size: int, _: dict) -> Fresh:
    """The eight matrix products of a step on all 784 pixels, into arrays that are already there.

    Three forward, three for the gradients of the weights, two for those of the hidden layers; the
    gradient of the image is needed by nobody. The same batch over and over, which stays in the
    processor's cache.
    """
    rng = np.random.default_rng(0)
    a, dz = ([rng.random((batch_size, size), np.float32) for size in SIZES] for _ in range(2))
    weights = [rng.random(shape, np.float32) / np.float32(shape[0]) for shape in pairwise(SIZES)]
    gradients = [np.empty_like(w) for w in weights]

    def epoch() -> None:
        for _ in range(0, len(digits.x), batch_size):
            for layer in (0, 1, 2):
                np.matmul(a[layer], weights[layer], out=a[layer + 1])
            for layer in (2, 1, 0):
                np.matmul(a[layer].T, dz[layer + 1], out=gradients[layer])
                if layer > 0:
                    np.matmul(dz[layer + 1], weights[layer].T, out=dz[layer])

    return lambda: (epoch, lambda: None)


def ours(recipe_name: str, digits: Digits, batch_size: int, training: dict) -> Fresh:
    """This project's own training loop, with a recipe and the hyperparameters of this training."""
    import train

    config = recipe(recipe_name).with_(epochs=1, batch_size=batch_size, **training)
    config = config.with_(validation_fraction=0)
    test_images = PREPROCESSING[config.preprocessing](digits.data.test_images)

    def fresh() -> tuple[Callable, Callable]:
        clock = stopwatch()

        def epoch() -> float:
            train.train(config, digits.data, clock)
            return clock.seconds[-1]

        return epoch, lambda: clock.network.predict(scale(test_images))

    return fresh


def pytorch(compiled: bool, digits: Digits, batch_size: int, training: dict) -> Fresh:
    """A Sequential, cross_entropy and torch.optim.SGD; torch.compile for forward and backward."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    x, labels = torch.from_numpy(digits.x), torch.from_numpy(digits.labels)
    x_test = torch.from_numpy(digits.x_test)

    def fresh() -> tuple[Callable, Callable]:
        layers: list[torch.nn.Module] = []
        for fan_in, fan_out in pairwise(SIZES):
            layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
        for layer in layers[0::2]:
            torch.nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            torch.nn.init.zeros_(layer.bias)
        model = torch.nn.Sequential(*layers[:-1])
        lr, decay = training["learning_rate"], training.get("weight_decay", 0.0)
        groups = [
            {"params": [layer.weight for layer in layers[0::2]], "weight_decay": decay},
            {"params": [layer.bias for layer in layers[0::2]]},  # not decayed
        ]
        optimizer = torch.optim.SGD(
            groups, lr, training.get("momentum", 0), nesterov=training.get("nesterov", False)
        )
        forward = torch.compile(model) if compiled else model

        def epoch() -> None:
            for rows in torch.randperm(len(x)).split(batch_size):
                optimizer.zero_grad()
                logits = forward(x.index_select(0, rows))
                loss = torch.nn.functional.cross_entropy(logits, labels.index_select(0, rows))
                loss.backward()
                optimizer.step()

        return epoch, lambda: model(x_test).argmax(dim=1).numpy()

    return fresh


def sklearn(digits: Digits, batch_size: int, training: dict) -> Fresh:
    """MLPClassifier.partial_fit, which is one pass in batches.

    Its weights and biases are replaced by those of everybody else. It divides its penalty by the
    batch size, so alpha is the weight decay times that.
    """
    from sklearn.neural_network import MLPClassifier

    def fresh() -> tuple[Callable, Callable]:
        model = MLPClassifier(
            tuple(SIZES[1:-1]),
            solver="sgd",
            momentum=training.get("momentum", 0),
            nesterovs_momentum=training.get("nesterov", False),
            alpha=training.get("weight_decay", 0.0) * batch_size,
            batch_size=batch_size,
            learning_rate_init=training["learning_rate"],
            random_state=0,
        )
        first = digits.x[:batch_size], digits.labels[:batch_size]
        model.partial_fit(*first, classes=np.arange(10))
        for w, b, he in zip(model.coefs_, model.intercepts_, he_uniform(), strict=True):
            w[...], b[...] = he, 0
        for velocity in model._optimizer.velocities:
            velocity[...] = 0

        def epoch() -> None:
            model.partial_fit(digits.x, digits.labels)

        return epoch, lambda: model.predict(digits.x_test)

    return fresh


def jax(whole_epoch: bool, digits: Digits, batch_size: int, training: dict) -> Fresh:
    """A jitted SGD step, called for every batch, or with lax.scan over all of them in one call."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    x, labels, x_test = map(jnp.asarray, (digits.x, digits.labels, digits.x_test))
    full, rate = len(digits.x) // batch_size, training["learning_rate"]
    mu, decay = training.get("momentum", 0.0), training.get("weight_decay", 0.0)

    def forward(parameters: list, a: jax.Array) -> jax.Array:
        for w, b in parameters[:-1]:
            a = jax.nn.relu(a @ w + b)
        w, b = parameters[-1]
        return a @ w + b

    def mean_loss(parameters: list, a: jax.Array, y: jax.Array) -> jax.Array:
        log_p = jax.nn.log_softmax(forward(parameters, a))
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def step(state: tuple, x: jax.Array, labels: jax.Array, rows: jax.Array) -> tuple:
        parameters, velocity = state
        gradient = jax.grad(mean_loss)(parameters, x[rows], labels[rows])
        if not mu:
            return jax.tree.map(lambda p, g: p - rate * g, parameters, gradient), velocity
        gradient = [(dw + decay * w, db) for (dw, db), (w, _) in zip(gradient, parameters)]
        velocity = jax.tree.map(lambda v, g: mu * v - rate * g, velocity, gradient)
        ahead = jax.tree.map(lambda p, v, g: p + mu * v - rate * g, parameters, velocity, gradient)
        return ahead, velocity

    def scan(state: tuple, x: jax.Array, labels: jax.Array, rows: jax.Array) -> tuple:
        return jax.lax.scan(lambda s, r: (step(s, x, labels, r), None), state, rows)[0]

    jitted_step, jitted_scan = jax.jit(step, donate_argnums=0), jax.jit(scan, donate_argnums=0)

    def fresh() -> tuple[Callable, Callable]:
        rng = np.random.default_rng(0)
        parameters = [(jnp.asarray(w), jnp.zeros(w.shape[1], jnp.float32)) for w in he_uniform()]
        state = parameters, jax.tree.map(jnp.zeros_like, parameters) if mu else ()

        def epoch() -> None:
            nonlocal state
            order = rng.permutation(len(digits.x)).astype(np.int32)
            rows, ragged = order[: full * batch_size].reshape(full, -1), order[full * batch_size :]
            if whole_epoch:
                state = jitted_scan(state, x, labels, rows)
            else:
                for batch in rows:
                    state = jitted_step(state, x, labels, batch)
            if len(ragged):
                state = jitted_step(state, x, labels, ragged)
            jax.block_until_ready(state)

        return epoch, lambda: np.asarray(forward(state[0], x_test).argmax(axis=1))

    return fresh


CONTESTANTS: dict[str, Callable[[Digits, int, dict], Fresh]] = {
    FLOOR: floor,
    OURS: partial(ours, "plain"),
    BEST: partial(ours, "best"),
    TORCH: partial(pytorch, False),
    COMPILED: partial(pytorch, True),
    SKLEARN: sklearn,
    JAX_STEP: partial(jax, False),
    JAX_SCAN: partial(jax, True),
}
