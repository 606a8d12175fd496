"""The optimizer: step against the gradient, in whole-vector lines for any architecture."""

import math

import numpy as np

# Parameters updated at once: so few that they stay in the processor's cache from one line to the
# next, and so many that the reference network is a single block.
BLOCK = 110_000

# While a pixel is blank, or a unit dead, the gradient is 0 and the velocity fades, below 1e-38 in
# the end: numbers that many processors handle a hundred times slower. Adding this and taking it
# away again rounds v to multiples of 1e-37, so that it never gets there. A v of 0 stays 0.
TINY = 1e-30


def sgd_step(
    parameters: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    learning_rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    weight_count: int = 0,
) -> None:
    """One step of stochastic gradient descent on the vectors p, g and v, each (P,).

        decay     g <- g + weight_decay p, where p is a weight    (Krogh & Hertz, 1992)
        plain     p <- p - lr g
        momentum  v <- mu v - lr g;    p <- p + v                 (Polyak, 1964)
        nesterov  v <- mu (v - lr g);  p <- p + v - lr g          (Nesterov, 1983)

    Decay adds the gradient of weight_decay / 2 * |W|^2, which draws the weights, the first
    `weight_count` entries, towards 0. The biases after them are not decayed.

    Nesterov's gradient belongs to the point where the velocity is about to lead. Written as above,
    p is that look-ahead point (Bengio et al., 2013), and v the part of the velocity that is left.
    p and v are updated in place; g holds lr g afterwards.
    """
    for start in range(0, len(parameters), BLOCK):
        block = slice(start, start + BLOCK)
        p, g, v = parameters[block], gradient[block], velocity[block]
        if weight_decay:
            weights = slice(max(0, weight_count - start))
            g[weights] += weight_decay * p[weights]
        g *= learning_rate
        if momentum:
            v += TINY
            v -= TINY
        if nesterov:
            v -= g
            v *= momentum
            p += v
            p -= g
        elif momentum:
            v *= momentum
            v -= g
            p += v
        else:
            p -= g


def constant(progress: float) -> float:
    """The learning rate stays as it is."""
    return 1.0


def step(progress: float) -> float:
    """Divide by 10 after 60 % of the run and again after 85 %."""
    return 1.0 if progress < 0.6 else 0.1 if progress < 0.85 else 0.01


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0: large steps first, then ever finer (Loshchilov & Hutter, 2017)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


# progress in [0, 1] through the run -> factor on the learning rate
SCHEDULES = {"constant": constant, "step": step, "cosine": cosine}


def learning_rate_at(
    iteration: int, iterations: int, peak: float, schedule: str, warmup: int = 0
) -> float:
    """The learning rate for 0 <= iteration < iterations: a straight rise to `peak` over the first
    `warmup` of them (Goyal et al., 2017), then the schedule over those that are left."""
    if iteration < warmup:
        return peak * (iteration + 1) / warmup
    return peak * SCHEDULES[schedule]((iteration - warmup) / (iterations - warmup))
