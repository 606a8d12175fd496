"""A network is the same after saving and loading, and a file that is no network is refused."""

import numpy as np
import pytest

from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading.saved import load_network, mean_probabilities, save_network


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", [[], [5, 4]])
def test_save_and_load_keep_every_bit(tmp_path, hidden, dtype):
    network = NeuralNetwork([6, *hidden, 3], "tanh", seed=9, dtype=dtype)
    network.parameters += dtype(1 / 3)
    metadata = {"preprocessing": "deskew", "metrics": {"test_accuracy": 0.5}}
    save_network(tmp_path / "network.npz", network, metadata)
    loaded, loaded_metadata = load_network(tmp_path / "network.npz")
    assert loaded.parameters.dtype == dtype
    assert loaded.parameters.tobytes() == network.parameters.tobytes()
    assert (loaded.layer_sizes, loaded.activation) == ([6, *hidden, 3], "tanh")
    assert {name: loaded_metadata[name] for name in metadata} == metadata
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(dtype)
    np.testing.assert_array_equal(loaded.forward(x)[0], network.forward(x)[0])
    loaded.parameters[...] = 0  # its views are alive, too
    assert not loaded.weights[0].any()
    assert [path.name for path in tmp_path.iterdir()] == ["network.npz"]


def test_the_file_needs_no_pickle(tmp_path):
    save_network(tmp_path / "network.npz", NeuralNetwork([4, 3]), digits=np.arange(10))
    with np.load(tmp_path / "network.npz", allow_pickle=False) as file:
        kinds = {name: file[name].dtype.kind for name in file.files}
        assert kinds == {"header": "U", "parameters": "f", "digits": "i"}


def test_a_failing_save_leaves_the_old_file(tmp_path):
    network = NeuralNetwork([4, 3])
    save_network(tmp_path / "network.npz", network, {"name": "old"}, trained_on=[3, 4])
    with pytest.raises(TypeError):
        save_network(tmp_path / "network.npz", network, {"not json": object()})
    metadata = load_network(tmp_path / "network.npz")[1]
    assert metadata["name"] == "old" and metadata["trained_on"].tolist() == [3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["network.npz"]


def test_a_preprocessing_that_works_in_place_spoils_nothing(digits, monkeypatch):
    def threshold(images):
        images[images < 250] = 0
        return images

    monkeypatch.setitem(PREPROCESSING, "threshold", threshold)
    network, images = NeuralNetwork([784, 10]), digits.test_images.copy()
    models = [(network, "none"), (network, "threshold")]
    np.testing.assert_allclose(*(mean_probabilities(m, images) for m in (models, models[::-1])))
    np.testing.assert_array_equal(images, digits.test_images)
