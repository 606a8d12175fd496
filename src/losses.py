"""The loss: one number that says how wrong the network is, and its gradient, from one function.

Categorical cross-entropy of targets t (one-hot, or smoothed) and p = softmax(logits), averaged over
the N rows of the batch: L = -1/N sum_n sum_k t_nk log p_nk.
"""

import numpy as np


def cross_entropy(
    logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """L and dL/dlogits (N, K), of logits (N, K) and integer labels (N,).

    Written with the logits z, the loss never takes the logarithm of a vanishing probability:

        log p_k = z_k - log sum_j exp(z_j)

    and, because d/dz_k of log sum_j exp(z_j) is just p_k and the targets sum to 1, the gradient is

        dL/dz = (p - t) / N

    Label smoothing s replaces the one-hot t by (1 - s) t + s / K (Szegedy et al., 2016).
    """
    n, classes = logits.shape
    z = logits.T.copy()  # (K, N) from here on: NumPy sums few long rows faster than many short ones
    z -= z.max(axis=0)  # as in softmax: exp cannot overflow, and p and L stay what they were
    log_p = z - np.log(np.exp(z).sum(axis=0))
    t = np.full_like(z, label_smoothing / classes)
    t[labels, np.arange(n)] += 1 - label_smoothing
    loss = -float(np.vdot(t, log_p)) / n
    d_logits = (np.exp(log_p) - t) / n
    return loss, d_logits.T
