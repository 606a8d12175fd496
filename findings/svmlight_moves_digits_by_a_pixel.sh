#!/usr/bin/env bash
# scikit-learn writes its digits to svmlight and reads them back moved by one pixel.
#
# scikit-learn 1.9.1. Expected: load_svmlight_file gives back what dump_svmlight_file wrote, with
# the defaults of both. Seen: dump writes columns from 0, and load guesses from the smallest column that
# it meets whether they count from 0 or 1. Pixel 0 of every digit is blank and so not written, the guess
# is 1, and every image moves. A classifier at 97% falls to 49%. Remedy: zero_based=True.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
from sklearn.datasets import dump_svmlight_file, load_digits, load_svmlight_file
from sklearn.svm import SVC

x, y = load_digits(return_X_y=True)
dump_svmlight_file(x, y, "digits")
guessed, labels = load_svmlight_file("digits", n_features=64)
told, _ = load_svmlight_file("digits", n_features=64, zero_based=True)
classifier = SVC(gamma=0.001).fit(x[:1000], y[:1000])
before, after = (classifier.score(z.toarray()[1000:], y[1000:]) for z in (told, guessed))
print(f"accuracy {before:.1%} as written, {after:.1%} as read")
assert (told.toarray() == x).all() and (labels == y).all()
assert (guessed.toarray()[:, :-1] == x[:, 1:]).all()
assert before > 0.95 and after < 0.6
PYTHON
