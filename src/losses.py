"""The loss: one number that says how wrong the network is, and its gradient, from one function.

Categorical cross-entropy of targets t (one-hot, or smoothed) and p = softmax(logits), averaged over
the N rows of the batch: L = -1/N sum_n sum_k t_nk log p_nk.
"""

import numpy as np


def cross_entropy(
    logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """L and dL/dlogits (N, K), of logits (N, K) and integer labels (N,): what training uses.

    Written with the logits z, the loss never takes the logarithm of a vanishing probability:

        log p_k = z_k - log sum_j exp(z_j)   so   L = 1/N sum_n (log sum_j exp(z_j) - sum_k t_k z_k)

    and, because d/dz_k of log sum_j exp(z_j) is just p_k, the gradient is

        dL/dz = (p - t) / N

    Label smoothing s replaces the one-hot t by (1 - s) t + s / K (Szegedy et al., 2016).
    """
    n, classes = logits.shape
    images = np.arange(n)
    # From here on (K, N): NumPy sums a few long rows much faster than many short ones.
    z = logits.T.copy()
    z -= z.max(axis=0)  # as in softmax: exp cannot overflow, and p and L stay what they were
    p = np.exp(z)
    totals = p.sum(axis=0)  # sum_j exp(z_j)
    p /= totals
    target_logit = (1 - label_smoothing) * z[
        labels, images
    ]  # sum_k t_k z_k, first its one-hot part
    if label_smoothing:
        target_logit += label_smoothing * z.mean(axis=0)  # and the part s / K of every class
    loss = float((np.log(totals) - target_logit).sum(dtype=np.float64)) / n

    d_logits = p  # becomes (p - t) / N in place: t is s / K everywhere, and 1 - s more at the label
    if label_smoothing:
        d_logits -= label_smoothing / classes
    d_logits[labels, images] -= 1 - label_smoothing
    d_logits /= n
    return loss, d_logits.T


def cross_entropy_of_probabilities(
    probabilities: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """The textbook form, L and dL/dp = -t / (N p) for p and t (N, K), to show that both agree.

    Followed by activations.softmax_backward it gives the same gradient as cross_entropy, but it
    divides by p, which underflows to 0 for a confidently wrong answer.
    """
    n = len(probabilities)
    loss = float(-np.sum(targets * np.log(probabilities)) / n)
    return loss, -targets / (n * probabilities)
