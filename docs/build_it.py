"""Functions for you to write; docs/teaching.md says what each is for.

python docs/build_it.py      # says which of them are right
"""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `src` is found

from src.activations import sigmoid, softmax  # noqa: F401


def squared_error(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean over N rows of sum_k (p_k - t_k)^2, with p = softmax(logits) (N, K).

    Returns the loss and its gradient with respect to the logits, (N, K).
    """
    raise NotImplementedError


def swish(z: np.ndarray) -> np.ndarray:
    """z times sigmoid(z): ReLU without its corner (Ramachandran, Zoph & Le, 2017)."""
    raise NotImplementedError


def swish_derivative(z: np.ndarray) -> np.ndarray:
    """The derivative of swish with respect to z."""
    raise NotImplementedError


def adam_step(
    parameters: np.ndarray,
    gradient: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    step: int,
    learning_rate: float = 0.001,
) -> None:
    """One step of Adam (Kingma & Ba, 2015) on vectors (P,), in place; step is 1, 2, 3, ...

    m <- 0.9 m + 0.1 g,  s <- 0.999 s + 0.001 g^2,  p <- p - lr m' / (sqrt(s') + 1e-8)
    with m' = m / (1 - 0.9^step) and s' = s / (1 - 0.999^step). A shorter gradient is the end of g;
    the rest is 0: `backward` leaves out the first pixels where they are blank in a whole batch.
    """
    raise NotImplementedError


def shuffle_pixels(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Images (N, 28, 28) with their 784 pixels in another order, the same for all of them."""
    raise NotImplementedError


# ------------------------------------------------------------------------------------ the referee


def slope(function, x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The numerical derivative of sum(function(x)) with respect to each element of x."""
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + step
        right = np.sum(function(x))
        x[index] = kept - step
        slopes[index] = (right - np.sum(function(x))) / (2 * step)
        x[index] = kept
    return slopes


def check_squared_error(mine: ModuleType) -> bool:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    loss, gradient = mine.squared_error(logits, labels)
    expected = np.mean(np.sum((softmax(logits) - np.eye(3)[labels]) ** 2, axis=1))
    numerical = slope(lambda z: mine.squared_error(z, labels)[0], logits)
    return np.allclose(loss, expected) and np.allclose(gradient, numerical, atol=1e-8)


def check_swish(mine: ModuleType) -> bool:
    z = np.array([-800.0, -3, -1, 0, 0.5, 2, 800])
    good = np.allclose(mine.swish(z), z / (1 + np.exp(-z.clip(-700, 700))))
    return good and np.allclose(mine.swish_derivative(z), slope(mine.swish, z), atol=1e-6)


def check_adam_step(mine: ModuleType) -> bool:
    p, m, s = np.array([1.0, -2]), np.zeros(2), np.zeros(2)
    mine.adam_step(p, np.array([0.5, -4]), m, s, 1)
    good = np.allclose(p, [0.999, -1.999])  # the first step: learning_rate against the sign
    mine.adam_step(p, np.array([-4.0]), m, s, 2)  # as if it were (0, -4)
    return good and np.allclose(p, [0.99832998, -1.998], atol=1e-8)


def check_shuffle_pixels(mine: ModuleType) -> bool:
    images = np.arange(2 * 784).reshape(2, 28, 28)
    shuffled = mine.shuffle_pixels(images.copy())
    same_order = np.array_equal(shuffled[1] - 784, shuffled[0])
    kept = np.array_equal(np.sort(shuffled[0], axis=None), images[0].ravel())
    return same_order and kept and not np.array_equal(shuffled, images)


CHECKS = {
    name.removeprefix("check_"): check for name, check in globals().items() if "check_" in name
}


def verdicts(mine: ModuleType) -> dict[str, str]:
    """right, wrong, not written yet, or the error, for each function of the module."""
    found = {}
    for name, check in CHECKS.items():
        try:
            found[name] = "right" if check(mine) else "wrong"
        except NotImplementedError:
            found[name] = "not written yet"
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    for name, verdict in verdicts(sys.modules[__name__]).items():
        print(f"{name}: {verdict}")
