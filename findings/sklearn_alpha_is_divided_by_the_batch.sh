#!/usr/bin/env bash
# scikit-learn's MLPClassifier divides its L2 penalty by the batch size.
#
# scikit-learn 1.9.1. Expected: with alpha = 1, a step of SGD takes learning_rate * alpha of each weight,
# whatever the batch. Seen: learning_rate * alpha / batch size; doubling the batch halves the penalty.
# Whoever compares weight decay with another library has to multiply alpha by the batch size.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import warnings
import numpy as np
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore")
for batch in (10, 20, 40):
    x, y = np.zeros((batch, 5)), np.arange(batch) % 2  # without ink, only the penalty moves a weight
    network = MLPClassifier((4,), solver="sgd", alpha=1.0, learning_rate_init=0.1, momentum=0, batch_size=batch)
    network.partial_fit(x, y, classes=[0, 1])
    before = network.coefs_[0].copy()
    network.partial_fit(x, y)
    shrunk = 1 - (network.coefs_[0] / before).mean()
    print(f"batch {batch}: weights shrink by {shrunk:.5f}")
    assert abs(shrunk - 0.1 / batch) < 1e-9
PYTHON
