"""predict.py from end to end: Kaggle's way, one's own pictures, and what can be wrong."""

import gzip
import os
import re
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
from src.digits.preprocessing import PREPROCESSING, deskew
from src.model import NeuralNetwork
from src.reading.saved import load_models, load_network, mean_probabilities, save_network
from src.runs.config import Config
from src.utils import evaluate, scale
from tests.training import run_of

HEADER = ",".join(f"pixel{number}" for number in range(784))


def predict(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "predict.py", *map(os.fspath, map(as_path, arguments))]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        errors="backslashreplace",
    )


def as_path(argument: object) -> str | Path:
    return argument if isinstance(argument, (str, Path)) else str(argument)


def refusal(*arguments: object) -> str:
    """Why the script will not do it, asked in this process, which is quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["predict.py", *map(str, arguments)])
        with pytest.raises(InputError) as error:
            script.main()
    return str(error.value)


def kaggle_csv(path: Path, images: np.ndarray, labels: np.ndarray | None = None) -> Path:
    cells, header = images.reshape(len(images), -1), HEADER
    if labels is not None:
        cells, header = np.column_stack([labels, cells]), f"label,{HEADER}"
    np.savetxt(path, cells, "%d", ",", header=header, comments="")
    return path


@pytest.fixture(scope="module")
def folder(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kaggle's files in small, two networks trained on train.csv, and pictures of three digits."""
    folder = tmp_path_factory.mktemp("kaggle")
    train_csv = kaggle_csv(folder / "train.csv", digits.images, digits.labels)
    kaggle_csv(folder / "test.csv", digits.test_images)
    kaggle_csv(folder / "labelled.csv", digits.test_images, digits.test_labels)
    data = load_data(train_csv)
    for preprocessing in ("none", "deskew"):
        config = Config(hidden=(32,), epochs=5, batch_size=8, preprocessing=preprocessing)
        network = run_of(config, data).network
        path = folder / preprocessing / "network.npz"
        save_network(path, network, {"preprocessing": preprocessing})
    for number in range(3):
        picture = Image.fromarray(255 - digits.test_images[number]).resize((140, 140))
        picture.save(folder / f"digit{number}.png")
    return folder


def answers_in(path: Path) -> np.ndarray:
    lines = path.read_text().splitlines()
    assert lines[0] == "ImageId,Label"
    rows = np.array([line.split(",") for line in lines[1:]], int)
    assert rows[:, 0].tolist() == list(range(1, len(rows) + 1))
    return rows[:, 1]


@pytest.mark.parametrize("preprocessing", ["none", "deskew"])
def test_a_submission_scores_what_the_network_does(
    preprocessing: str, folder: Path, digits: Data
) -> None:
    model, out = folder / preprocessing / "network.npz", folder / f"{preprocessing}.csv"
    result = predict(folder / "test.csv", "--model", model, "--out", out)
    assert (result.returncode, result.stderr) == (0, "") and str(out) in result.stdout
    score = np.mean(answers_in(out) == digits.test_labels)
    network, metadata = load_network(model)
    assert (
        score
        == evaluate(
            network,
            PREPROCESSING[metadata["preprocessing"]](digits.test_images),
            digits.test_labels,
        )[1]
    )
    assert score > 0.6


def test_packed_and_labelled_files_give_the_same_answers(folder: Path, digits: Data) -> None:
    model = folder / "none" / "network.npz"
    packed = folder / "test.csv.gz"
    packed.write_bytes(gzip.compress((folder / "test.csv").read_bytes()))
    for name, path in (("a.csv", packed), ("b.csv", folder / "labelled.csv")):
        result = predict(path, "--model", model, "--out", folder / name)
        assert result.returncode == 0
    assert np.array_equal(answers_in(folder / "a.csv"), answers_in(folder / "b.csv"))
    score = np.mean(answers_in(folder / "b.csv") == digits.test_labels)
    assert f"accuracy {score:.2%}" in result.stdout
    table = np.array([line.split() for line in result.stdout.splitlines()[4:]], int)
    assert table.shape == (10, 11) and table[:, 1:].sum() == len(digits.test_labels)
    assert np.trace(table[:, 1:]) == round(score * len(digits.test_labels))


def test_several_networks_are_averaged_each_with_its_own_preprocessing(
    folder: Path, digits: Data
) -> None:
    networks = [load_network(folder / name / "network.npz")[0] for name in ("none", "deskew")]
    images = digits.test_images
    alone = [
        network.predict_probabilities(scale(seen))
        for network, seen in zip(networks, (images, deskew(images)))
    ]
    both = mean_probabilities(list(zip(networks, ("none", "deskew"))), images)
    assert np.allclose(both, (alone[0] + alone[1]) / 2, atol=1e-6)
    models = [folder / name / "network.npz" for name in ("none", "deskew")]
    assert (
        predict(folder / "test.csv", "--model", *models, "--out", folder / "both.csv").stderr == ""
    )
    assert np.array_equal(answers_in(folder / "both.csv"), both.argmax(axis=1))


def test_good_pictures_are_answered_among_bad_ones(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    Image.new("L", (50, 50), 255).save(folder / "empty.png")
    names = ["digit0.png", "bad.png", "digit1.png", "empty.png", "missing.png", "digit2.png"]
    out = folder / "predictions.png"
    model = folder / "none" / "network.npz"
    result = predict(*[folder / name for name in names], "--model", model, "--out", out)
    assert result.returncode == 2
    answered = result.stdout.splitlines()[1:-1]  # after the network, before the file
    assert [line.split(":")[0] for line in answered] == ["digit0.png", "digit1.png", "digit2.png"]
    complaints = result.stderr.splitlines()
    assert [Path(line.split(": ")[1]).name for line in complaints] == [
        "bad.png",
        "empty.png",
        "missing.png",
    ]
    with Image.open(out) as image:
        assert image.width > 700 and image.height > 400


def test_of_a_folder_all_pictures_are_read_and_many_fit_into_one_figure(folder: Path) -> None:
    many, model = folder / "many", folder / "none" / "network.npz"
    many.mkdir()
    for other in ("notes.txt", ".hidden.png"):
        (many / other).write_text("no picture")
    odd = "$_a_name_that_is_much_too_long_for_a_title_{"
    for number in range(30):
        name = f"{odd}{number}.png"
        (many / name).write_bytes((folder / "digit0.png").read_bytes())
    result = predict(many, "--model", model, "--out", folder / "many.png")
    assert result.returncode == 0 and result.stderr.endswith("no pictures: notes.txt\n")
    lines = result.stdout.splitlines()
    assert len(lines) == 32  # the network, 30 answers, the file
    assert [line.split("{")[1].split(".")[0] for line in lines[1:-1]] == [str(n) for n in range(30)]
    with Image.open(folder / "many.png") as image:
        assert image.height < 4000


def test_a_sheet_of_digits_is_one_line_with_the_least_sure(folder: Path) -> None:
    digits = [Image.open(folder / f"digit{number}.png") for number in range(3)]
    sheet = Image.new("L", (520, 200), 255)
    for number, digit in enumerate(digits):
        sheet.paste(digit, (30 + 160 * number, 30))
    sheet.save(folder / "sheet.png")
    out, model = folder / "sheet_read.png", folder / "none" / "network.npz"
    result = predict(folder / "sheet.png", "--model", model, "--out", out)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.match(
        r"sheet.png: \d{3} \((least sure: the \d\w\w digit, an? \d, \d+%|all at)",
        result.stdout.splitlines()[1],
    )


def test_answers_in_words() -> None:
    def row(answer: int, sure: float, second: int) -> np.ndarray:
        return sure * np.eye(10)[answer] + (1 - sure) * np.eye(10)[second]

    assert describe(row(7, 0.999, 1)[None]) == "7 (99.9% sure)"
    assert describe(row(7, 0.61, 1)[None]) == "7 (not sure: 61%; or 1, 39%)"
    sheet = np.stack([row(5, 0.99, 1), row(2, 0.98, 1), row(8, 0.9, 3)])
    assert describe(sheet) == "528 (least sure: the 3rd digit, an 8, 90%)"
    sheet[1] = row(0, 0.61, 6)
    assert describe(sheet) == "508 (least sure: the 2nd digit, a 0, 61%; not sure, perhaps 6)"


def test_what_is_read_or_no_ordinary_file_is_not_replaced(folder: Path) -> None:
    model, test_csv = folder / "none" / "network.npz", folder / "test.csv"
    before = model.read_bytes(), test_csv.read_bytes()
    linked = folder / "linked.csv"
    linked.symlink_to(test_csv)
    wrong = [test_csv, model, linked, folder]
    wrong += [Path(os.devnull)] if Path(os.devnull).exists() else []
    for out in wrong:
        assert refusal(test_csv, "--model", model, "--out", out).startswith(f"--out {out}: is ")
    assert (model.read_bytes(), test_csv.read_bytes()) == before


def test_scoring_writes_no_submission(folder: Path) -> None:
    path = ROOT / "results" / "submission.csv"
    before = path.stat().st_mtime_ns if path.exists() else None
    result = predict(folder / "labelled.csv", "--model", folder / "none" / "network.npz")
    assert result.returncode == 0 and "accuracy" in result.stdout and "saved" not in result.stdout
    assert before == (path.stat().st_mtime_ns if path.exists() else None)


def test_names_that_are_not_utf_8_and_a_terminal_that_is_ascii(folder: Path) -> None:
    name = "né\udcff.png"  # as Python shows a byte that is not UTF-8
    try:
        (folder / name).write_bytes((folder / "digit1.png").read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 names only")
    arguments = [folder / name, "--model", folder / "none" / "network.npz"]
    for encoding in ("utf-8", "ascii"):
        result = predict(*arguments, "--out", folder / "odd.png", PYTHONIOENCODING=encoding)
        assert (result.returncode, result.stderr) == (0, "")
        assert "\\udcff.png: " in result.stdout


def test_a_network_that_answers_nan_is_refused(folder: Path) -> None:
    network = NeuralNetwork([784, 8, 10])
    network.parameters[...] = np.where(np.arange(network.parameters.size) % 2, 3e38, -3e38)
    save_network(folder / "huge.npz", network)
    out = folder / "huge.csv"
    result = predict(folder / "test.csv", "--model", folder / "huge.npz", "--out", out)
    assert result.returncode == 2 and "answers NaN" in result.stderr
    assert result.stderr.count("\n") == 1 and not out.exists()


def test_what_a_user_can_get_wrong_is_one_line(folder: Path) -> None:
    model, test_csv = folder / "none" / "network.npz", folder / "test.csv"
    out = folder / "never.csv"
    (folder / "narrow.csv").write_text("label,pixel0\n1,2\n")
    (folder / "cut.npz").write_bytes(model.read_bytes()[:500])
    save_network(folder / "five.npz", NeuralNetwork([784, 5]))
    save_network(folder / "odd.npz", NeuralNetwork([784, 10]), {"preprocessing": ["magic"]})
    wrong = {
        "narrow.csv": [folder / "narrow.csv", "--model", model],
        "nothing.csv": [folder / "nothing.csv", "--model", model],
        "cut.npz": [test_csv, "--model", folder / "cut.npz"],
        "five.npz: turns 784 numbers into 5": [test_csv, "--model", folder / "five.npz"],
        "odd.npz: preprocessing": [test_csv, "--model", model, folder / "odd.npz"],
        "test.csv: not a sound .npz": [test_csv, "--model", test_csv],
        "gone.npz": [test_csv, "--model", folder / "gone.npz"],
        "one table, or pictures": [test_csv, folder / "digit0.png", "--model", model],
    }
    for words, arguments in wrong.items():
        assert words in refusal(*arguments, "--out", out)
    result = predict(test_csv, "--model", folder / "cut.npz", "--out", out)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert not out.exists()


def test_without_a_network_the_next_step_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "DEFAULT_MODEL", folder / "nowhere.npz")
    with pytest.raises(InputError, match=r"`python train.py --recipe best` makes one"):
        load_models([folder / "nowhere.npz"])


def test_answers_to_pictures_are_a_table_if_out_says_so(folder: Path) -> None:
    pages = [Image.open(folder / f"digit{number}.png") for number in range(3)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    model, out = folder / "none" / "network.npz", folder / "answers.csv"
    result = predict(folder / "pages.tif", "--model", model, "--out", out)
    assert result.stdout.splitlines()[2].startswith("pages.tif, page 2: ")
    table = pd.read_csv(out)
    assert table.columns.tolist() == script.COLUMNS and table.page.tolist() == [1, 2, 3]
    left, top, right, bottom = map(int, table.box[0].split())
    assert 0 <= left < right <= 140 and 0 <= top < bottom <= 140


def test_a_packed_submission_holds_a_csv_and_probabilities_if_asked_for(folder: Path) -> None:
    model, out = folder / "none" / "network.npz", folder / "submission.zip"
    result = predict(folder / "test.csv", "--model", model, "--out", out, "--probabilities")
    assert result.returncode == 0
    assert zipfile.ZipFile(out).namelist() == ["submission.csv"]
    table = pd.read_csv(out)
    chances = table[[f"p{digit}" for digit in range(10)]]
    assert np.allclose(chances.sum(axis=1), 1, atol=1e-4)
    assert (chances.to_numpy().argmax(axis=1) == table.Label).all()


def test_names_that_do_not_fit_and_wildcards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = folder / "none" / "network.npz"
    for path, out in (("digit0.png", "a.xlsx"), ("test.csv", "a.png")):
        assert "a name that ends" in refusal(folder / path, "--model", model, "--out", out)
    monkeypatch.chdir(folder)
    (folder / "-dash.png").write_bytes((folder / "digit0.png").read_bytes())
    assert "write ./-dash.png" in refusal("-dash.png")
    out = folder / "wild.csv"
    assert predict(folder / "digit?.png", "--model", model, "--out", out).returncode == 0
    assert len(pd.read_csv(out)) == 3


def test_without_opencv_the_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("src.reading.pictures", "cv2"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cv2", None)
    model = folder / "none" / "network.npz"
    assert "opencv-python-headless" in refusal(folder / "digit0.png", "--model", model)
