"""predict.py from end to end: Kaggle's way, one's own pictures, and what can be wrong."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import predict as script
from predict import mean_probabilities
from src.digits.data import ROOT, Data, load_data
from src.digits.preprocessing import PREPROCESSING, deskew
from src.errors import InputError
from src.model import NeuralNetwork
from src.network_file import load_network, save_network
from src.utils import evaluate, scale
from train import Config, save_run, train

HEADER = ",".join(f"pixel{number}" for number in range(784))


def predict(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "predict.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


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
        network, history = train(config, data)
        save_run(folder / preprocessing, config, data, network, history, {})
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
        assert image.width > 800 and image.height > 400


def test_many_pictures_fit_into_one_figure(folder: Path) -> None:
    out, model = folder / "many.png", folder / "none" / "network.npz"
    odd = folder / "$_a_name_that_is_much_too_long_for_a_title_{.png"
    odd.write_bytes((folder / "digit0.png").read_bytes())
    result = predict(*[odd] * 30, "--model", model, "--out", out)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 32  # the network, 30 answers, the file
    with Image.open(out) as image:
        assert image.height < 3500


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
        "one CSV, or pictures": [test_csv, folder / "digit0.png", "--model", model],
    }
    for words, arguments in wrong.items():
        result = predict(*arguments, "--out", out)
        assert result.returncode == 2, words
        assert words in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert not out.exists()


def test_without_a_network_the_next_step_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "DEFAULT_MODEL", folder / "nowhere.npz")
    with pytest.raises(InputError, match=r"`python train.py` makes one"):
        script.load_models([folder / "nowhere.npz"])
