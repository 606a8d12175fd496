"""The optimizer: step against the gradient, in whole-vector lines for any architecture."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from src.model import NeuralNetwork

# While a unit is dead its gradient is 0, and its velocity fades, in the end below 1e-38: numbers
# that many processors handle a hundred times slower. Adding this and taking it away again rounds v
# to multiples of 1e-37, so that it never gets there. A v of 0 stays 0.
TINY = 1e-30


def sgd_step(
    network: NeuralNetwork, gradient: np.ndarray, velocity: np.ndarray, rate: float, config: Any
) -> None:
    """One step of stochastic gradient descent: parameters p, gradient g and velocity v, each (P,).

        decay     g <- g + weight_decay p, where p is a weight    (Krogh & Hertz, 1992)
        plain     p <- p - lr g                                   lr is `rate`
        momentum  v <- mu v - lr g;    p <- p + v                 (Polyak, 1964)
        nesterov  v <- mu (v - lr g);  p <- p + v - lr g          (Nesterov, 1983)

    `config` has weight_decay, momentum (mu) and nesterov. Decay adds the gradient of weight_decay /
    2 * |W|^2, which draws the weights towards 0; the biases are not decayed.

    Nesterov's gradient belongs to the point where the velocity is about to lead. Written as above,
    p is that look-ahead point (Bengio et al., 2013), and v the part of the velocity that is left.
    p and v are updated in place; the gradient may be, too, and is of no use afterwards. A shorter
    gradient is the end of g; the rest is 0 (see model.py).
    """
    p, g, v = network.parameters, gradient, velocity
    if config.weight_decay or config.momentum:
        g = config.weight_decay * p
        g[network.weight_count :] = 0  # the biases do not decay
        g[-len(gradient) :] += gradient
    else:
        p = p[-len(g) :]
    g *= rate
    if not config.momentum:
        p -= g
        return
    v += TINY
    v -= TINY
    if config.nesterov:
        v -= g
        v *= config.momentum
        p += v
        p -= g
    else:
        v *= config.momentum
        v -= g
        p += v


def constant(progress: float) -> float:
    """The learning rate stays as it is."""
    return 1.0


def step(progress: float) -> float:
    """Divide by 10 after 60% of the run and again after 85%."""
    return 1.0 if progress < 0.6 else 0.1 if progress < 0.85 else 0.01


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0: large steps first, then ever finer (Loshchilov & Hutter, 2017)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


# progress in [0, 1] through the run -> factor on the learning rate
SCHEDULES = {"constant": constant, "step": step, "cosine": cosine}


def learning_rates(config: Any, steps_per_epoch: int) -> Iterator[float]:
    """The learning rate of each step of a run, one after the other.

    A straight rise to config.learning_rate over the first warmup_epochs (Goyal et al., 2017), then
    the schedule over the steps that are left. `config` also has epochs and schedule.
    """
    steps = config.epochs * steps_per_epoch
    warmup = round(config.warmup_epochs * steps_per_epoch)
    for i in range(min(warmup, steps)):
        yield config.learning_rate * (i + 1) / warmup
    for i in range(steps - warmup):
        yield config.learning_rate * SCHEDULES[config.schedule](i / (steps - warmup))
