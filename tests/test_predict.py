"""predict.py from end to end: Kaggle's way, one's own pictures, and what can be wrong."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import predict as script
import src.reading.saved as reader
from predict import describe
from src.common.errors import InputError
from src.digits.data import ROOT, Data, load_data
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading.saved import load_network, save_network
from src.runs.config import Config
from src.utils import scale
from tests.training import run_of


def kaggle_csv(path: Path, images: np.ndarray, labels: np.ndarray | None = None) -> None:
    table = pd.DataFrame(images.reshape(len(images), -1)).add_prefix("pixel")
    if labels is not None:
        table.insert(0, "label", labels)
    table.to_csv(path, index=False)


@pytest.fixture(scope="module")
def folder(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's files in small, two networks trained on train.csv, and pictures of three digits."""
    folder = tmp_path_factory.mktemp("kaggle")
    kaggle_csv(folder / "train.csv", digits.images, digits.labels)
    kaggle_csv(folder / "test.csv", digits.test_images)
    kaggle_csv(folder / "labelled.csv", digits.test_images, digits.test_labels)
    data = load_data(folder / "train.csv")
    for preprocessing in ("none", "deskew"):
        config = Config(hidden=(32,), epochs=5, batch_size=8, preprocessing=preprocessing)
        network = run_of(config, data).network
        save_network(folder / f"{preprocessing}.npz", network, {"preprocessing": preprocessing})
    for number in range(3):
        picture = Image.fromarray(255 - digits.test_images[number]).resize((140, 140))
        picture.save(folder / f"digit{number}.png")
    return folder


@pytest.fixture
def predict(folder, monkeypatch, capsys):
    """`python predict.py ...` in that folder: its status, and the lines that it writes."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(script, "ROOT", folder)
    for module in (script, reader):
        monkeypatch.setattr(module, "DEFAULT_MODEL", folder / "nowhere.npz")

    def predict(words: str) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, "argv", ["predict.py", *words.split()])
        status, printed = script.main(), capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return predict


def in_a_process(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """The same in a process of its own."""
    command, env = [sys.executable, ROOT / "predict.py", *words], os.environ | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


# ----------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("names", "out"), [(["none"], "a.csv"), (["deskew"], "a.csv.gz"), (["none", "deskew"], "a.zip")]
)
def test_answers_are_the_mean_of_the_networks_each_with_its_own_preprocessing(
    names, out, predict, folder, digits
):
    models = " ".join(f"{name}.npz" for name in names)
    status, printed, errors = predict(f"test.csv --model {models} --probabilities --out {out}")
    assert (status, errors) == (0, []) and printed[-1] == f"saved 100 answers in {out}"
    if out == "a.zip":
        assert zipfile.ZipFile(out).namelist() == ["a.csv"]
    table = pd.read_csv(out)
    assert table.columns.tolist() == ["ImageId", "Label", *(f"p{digit}" for digit in range(10))]
    alone = []
    for name in names:
        network, seen = load_network(folder / f"{name}.npz")[0], PREPROCESSING[name]
        alone.append(network.predict_probabilities(scale(seen(digits.test_images))))
    probabilities = np.mean(alone, axis=0)
    assert np.allclose(table.iloc[:, 2:], probabilities, atol=2e-6)
    assert np.array_equal(table.Label, probabilities.argmax(axis=1))
    assert table.ImageId.tolist() == list(range(1, 101))
    assert np.mean(table.Label == digits.test_labels) > 0.6


def test_a_submission_goes_to_results_and_a_labelled_table_is_only_scored(predict, folder, digits):
    _, printed, _ = predict("labelled.csv --model none.npz")
    submission = folder / "results" / "submission.csv"
    assert "saved" not in " ".join(printed) and not submission.exists()
    predict("test.csv --model none.npz")
    table = pd.read_csv(submission)
    assert table.columns.tolist() == ["ImageId", "Label"]
    right = np.sum(table.Label == digits.test_labels)
    assert printed[1].startswith(f"accuracy {right / 100:.2%}")
    counts = np.array([line.split() for line in printed[3:]], int)[:, 1:]
    assert counts.shape == (10, 10) and counts.sum() == 100 and np.trace(counts) == right
    predict("labelled.csv --model none.npz --out labelled_too.csv")
    assert pd.read_csv("labelled_too.csv").equals(table)


# --------------------------------------------------------------------------------- pictures


def test_good_pictures_are_answered_among_bad_ones(predict, folder):
    (folder / "bad.png").write_bytes(b"no picture")
    Image.new("L", (50, 50), 255).save(folder / "empty.png")
    names = ["digit0.png", "bad.png", "digit1.png", "empty.png", "missing.png", "digit2.png"]
    status, printed, errors = predict(f"{' '.join(names)} --model none.npz")
    assert status == 2
    answered = [line.split(":")[0] for line in printed[1:-1]]  # between the network and the file
    assert answered == ["digit0.png", "digit1.png", "digit2.png"]
    assert [line.split(": ")[1] for line in errors] == ["bad.png", "empty.png", "missing.png"]
    with Image.open(folder / "results" / "predictions.png") as image:
        assert image.width > 600 and image.height > 400


def test_of_a_folder_all_pictures_are_read_and_many_fit_into_one_figure(predict, folder):
    many = folder / "many"
    many.mkdir()
    for other in ("notes.txt", ".hidden.png"):
        (many / other).write_text("no picture")
    odd = "$_a_name_that_is_much_too_long_for_a_title_{"
    for number in range(30):
        shutil.copy(folder / "digit0.png", many / f"{odd}{number}.png")
    status, printed, errors = predict("many --model none.npz --out many.png")
    assert (status, errors) == (0, ["many: skipped, no pictures: notes.txt"])
    read = [line.split("{")[1].split(".")[0] for line in printed[1:-1]]
    assert read == [str(number) for number in range(30)]
    with Image.open("many.png") as image:
        assert image.height < 4000


def test_digits_in_a_line_and_on_pages_are_a_table_if_out_says_so(predict, folder):
    digits = [Image.open(folder / f"digit{number}.png") for number in range(3)]
    sheet = Image.new("L", (520, 200), 255)
    for number, digit in enumerate(digits):
        sheet.paste(digit, (30 + 160 * number, 30))
    sheet.save(folder / "a_sheet.png")
    digits[0].save(folder / "b_pages.tif", save_all=True, append_images=digits[1:])
    words = "a_sheet.png b_*.tif --model none.npz --out answers.csv"  # as on Windows
    status, (_, line, *pages, _), errors = predict(words)
    assert (status, errors) == (0, [])
    least_sure = r"\(least sure: the \d\w\w digit, an? \d, \d+%"
    assert re.match(rf"a_sheet.png: \d{{3}} ({least_sure}|\(all at)", line)
    assert [page.split(": ")[0] for page in pages][1:] == [f"b_pages.tif, page {n}" for n in (2, 3)]
    table = pd.read_csv("answers.csv")
    assert table.columns.tolist() == script.COLUMNS
    assert table.page.tolist() == [1, 1, 1, 1, 2, 3] and set(table.line) == {1}
    assert table.position.tolist() == [1, 2, 3, 1, 1, 1]
    assert "".join(map(str, table.digit[:3])) in line
    boxes = [[int(side) for side in box.split()] for box in table.box]  # left, top, right, bottom
    assert 350 <= boxes[2][0] < boxes[2][2] <= 490 and 30 <= boxes[2][1] < boxes[2][3] <= 170
    assert 0 <= min(boxes[3]) < max(boxes[3]) <= 140


def test_answers_in_words():
    def row(answer: int, sure: float, second: int) -> np.ndarray:
        return sure * np.eye(10)[answer] + (1 - sure) * np.eye(10)[second]

    assert describe(row(7, 0.999, 1)[None]) == "7 (99.9% sure)"
    assert describe(row(7, 0.61, 1)[None]) == "7 (not sure: 61%; or 1, 39%)"
    sheet = np.stack([row(5, 0.99, 1), row(2, 0.98, 1), row(8, 0.9, 3)])
    assert describe(sheet) == "528 (least sure: the 3rd digit, an 8, 90%)"
    sheet[1] = row(0, 0.61, 6)
    assert describe(sheet) == "508 (least sure: the 2nd digit, a 0, 61%; not sure, perhaps 6)"


def test_names_that_are_not_utf_8_and_a_terminal_that_is_ascii(folder):
    name = "né\udcff.png"  # as Python shows a byte that is not UTF-8
    try:
        (folder / name).write_bytes((folder / "digit1.png").read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 names only")
    words = [name, "--model", "none.npz", "--out", "odd.png"]
    result = in_a_process(folder, *words, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "\\udcff.png: " in result.stdout
    words[-1] = "odd.csv"
    assert in_a_process(folder, *words, PYTHONIOENCODING="ascii").returncode == 0
    assert "\\udcff.png," in (folder / "odd.csv").read_text()


# ---------------------------------------------------------------------------- what is wrong


WRONG = {
    "narrow.csv --model none.npz": "narrow.csv",
    "nothing.csv --model none.npz": "nothing.csv",
    "test.csv": "`python train.py --recipe best` makes one",
    "test.csv --model cut.npz": "cut.npz",
    "test.csv --model five.npz": "five.npz: turns 784 numbers into 5",
    "test.csv --model none.npz odd.npz": "odd.npz: preprocessing",
    "test.csv --model huge.npz": "answers NaN",
    "test.csv --model test.csv": "test.csv: not a sound .npz",
    "test.csv --model gone.npz": "gone.npz",
    "test.csv digit0.png --model none.npz": "one table, or pictures",
    "labelled.csv --model none.npz --probabilities": "give --out as well",
    "test.csv --model none.npz --out test.csv": "--out test.csv: is read",
    "test.csv --model none.npz --out none.npz": "--out none.npz: is read",
    "test.csv --model none.npz --out linked.csv": "--out linked.csv: is read",
    "test.csv --model none.npz --out .": "--out .: give a name that ends with",
    "test.csv --model none.npz --out a.png": "a name that ends with .csv",
    "digit0.png --model none.npz --out a.xlsx": "a name that ends with .png",
}


def test_what_a_user_can_get_wrong_is_one_line_and_replaces_nothing(predict, folder):
    (folder / "linked.csv").symlink_to(folder / "test.csv")
    (folder / "narrow.csv").write_text("label,pixel0\n1,2\n")
    (folder / "cut.npz").write_bytes((folder / "none.npz").read_bytes()[:500])
    save_network(folder / "five.npz", NeuralNetwork([784, 5]))
    save_network(folder / "odd.npz", NeuralNetwork([784, 10]), {"preprocessing": ["magic"]})
    huge = NeuralNetwork([784, 8, 10])
    huge.parameters[...] = np.where(np.arange(huge.parameters.size) % 2, 3e38, -3e38)
    save_network(folder / "huge.npz", huge)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for words, reason in WRONG.items():
        with pytest.raises(InputError, match=re.escape(reason)) as raised:
            predict(words)
        assert "\n" not in str(raised.value)
    result = in_a_process(folder, "test.csv", "--model", "cut.npz", "--out", "new.csv")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_without_opencv_the_package_is_named(predict, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("src.reading.pictures", "cv2"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match="opencv-python-headless"):
        predict("digit0.png --model none.npz")
