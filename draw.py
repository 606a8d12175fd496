"""Draw a digit in the browser and watch a network that `python train.py` has made read it.

    python draw.py                              # opens a page that only this machine can reach
    python draw.py --model A.npz B.npz          # average their probabilities; look into each

Nothing on the page is made up: it shows what `forward` computes, with the code that trains.
"""

from src.common.script import ArgumentParser, run_script, start

start(__name__)  # before NumPy is imported: one BLAS thread

import functools
import threading
import webbrowser
from pathlib import Path

import numpy as np
from filelock import FileLock

from src.activations import ACTIVATIONS
from src.common.errors import InputError
from src.common.files import replacing
from src.common.server import LocalServer
from src.digits.data import EMBEDDED, ROOT, load_data
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading.ink import fit
from src.reading.saved import DEFAULT_MODEL, load_models, mean_probabilities
from src.utils import scale

SIDE = 200  # pixels of a drawing's side, as the page sends it
HEADER = ["label", *(f"pixel{number}" for number in range(784))]


def to_image(body: bytes) -> np.ndarray:
    """200x200 bytes of ink, or the 784 of a ready image, to an image (28, 28) uint8.

    Raises InputError for another length, and if nothing is drawn.
    """
    values = np.frombuffer(body, np.uint8)
    if len(values) == 784:
        return values.reshape(28, 28)
    if len(values) != SIDE * SIDE or values.max() <= 127:
        raise InputError(f"expected {SIDE * SIDE} bytes with ink among them, or 784 of an image")
    return fit(values.reshape(SIDE, SIDE) / np.float32(255))


def trace(network: NeuralNetwork, cache: list[tuple], layer: int, unit: int) -> dict:
    """Who spoke for a unit of z = a W + b, and who against: activation times weight, a_i W_iu.

    Further back, the weight is that of all paths to the unit, each the product of its weights and
    of the slopes f'(z) on its way. ReLU's slope is 1 or 0: what goes through an active unit counts
    in full, through a silent one not at all. `spoke` holds one list for each layer, pixels first;
    `weights` (784,) are the pixels', which for a unit of the first layer are its very own.
    """
    _, derivative = ACTIVATIONS[network.activation]
    weights = network.weights[layer][:, unit]
    spoke = [cache[layer][0][0] * weights]
    for below in reversed(range(layer)):
        weights = network.weights[below] @ (weights * derivative(cache[below][1][0]))
        spoke.insert(0, cache[below][0][0] * weights)
    total, bias = float(spoke[layer].sum()), float(network.biases[layer][unit])
    lists = {"spoke": [values.tolist() for values in spoke], "weights": weights.tolist()}
    return {"layer": layer, "unit": unit, "sum": total, "bias": bias, **lists}


def save(path: Path, image: np.ndarray, label: int) -> int:
    """Append an image (28, 28) to a CSV in Kaggle's format, whole or not at all; its row's number.

    A spreadsheet may have saved it with semicolons, tabs, or as UTF-16. Raises InputError if the
    file is something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        before = path.read_bytes() if path.exists() else ",".join(HEADER).encode()
        encoding = "utf-16-le" if before.startswith(b"\xff\xfe") else "utf-8"
        text = before.decode(encoding, errors="replace").removeprefix("\ufeff")
        lines, delimiter = text.splitlines(), text[5:6] or ","
        if not lines or lines[0].split(delimiter) != HEADER:
            raise InputError(f"{path} does not begin with label,pixel0,...; move it away")
        row = delimiter.join(map(str, [label, *image.ravel()])) + "\n"
        if not text.endswith("\n"):
            row = "\n" + row
        with replacing(path) as temporary:
            temporary.write_bytes(before + row.encode(encoding))
    return len(lines)


class Page:
    """What the page can ask for. Each question gets the query of its address and a body."""

    def __init__(self, paths: list[Path], drawn: Path) -> None:
        self.paths, self.drawn = paths, drawn
        self.models = load_models(paths)
        self.actions = {"networks": self.networks, "test": self.test}
        self.actions |= {"think": self.think, "save": self.save}

    def networks(self, query: dict, body: bytes) -> list[dict]:
        """What there is to look into."""
        shown = []
        for path, (network, preprocessing) in zip(self.paths, self.models):
            facts = {"sizes": network.layer_sizes, "activation": network.activation}
            shown.append({"name": str(path), "preprocessing": preprocessing, **facts})
        return shown

    @np.errstate(all="ignore")  # what overflows is said by mean_probabilities
    def think(self, query: dict, body: bytes) -> dict:
        """All that the chosen `network` makes of an image, and the trace of a `unit` of a `layer`.

        The probabilities are the mean over all networks, as in predict.py.
        """
        image = to_image(body)
        network, preprocessing = self.models[number(query, "network", len(self.models))]
        x = scale(PREPROCESSING[preprocessing](image[np.newaxis].copy()), network.dtype)
        logits, cache = network.forward(x)
        answer = {
            "image": image.ravel().tolist(),
            "seen": x[0].tolist(),
            "hidden": [a[0].tolist() for a, _, _ in cache[1:]],
            "logits": logits[0].tolist(),
            "probabilities": mean_probabilities(self.models, image[np.newaxis])[0].tolist(),
        }
        if "unit" in query:
            layer = number(query, "layer", len(cache))
            unit = number(query, "unit", network.layer_sizes[layer + 1])
            answer["trace"] = trace(network, cache, layer, unit)
        return answer

    @functools.cached_property
    def test_images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """MNIST's test images, their labels, and the numbers of those that are misread."""
        data = load_data(EMBEDDED)
        answers = mean_probabilities(self.models, data.test_images).argmax(axis=1)
        return data.test_images, data.test_labels, np.flatnonzero(answers != data.test_labels)

    def test(self, query: dict, body: bytes) -> dict:
        """One of MNIST's test images at random, with `wrong` one of the misread."""
        images, labels, misread = self.test_images
        rows = misread if "wrong" in query else np.arange(len(labels))
        if not len(rows):
            raise InputError("the network gets every test image right")
        row = int(np.random.default_rng().choice(rows))
        return {"number": row, "image": images[row].ravel().tolist(), "label": int(labels[row])}

    def save(self, query: dict, body: bytes) -> dict:
        """Save an image as a `label`."""
        row = save(self.drawn, to_image(body), number(query, "label", 10))
        return {"row": row, "file": f"{self.drawn.parent.name}/{self.drawn.name}"}


def number(query: dict, name: str, below: int) -> int:
    """A whole number 0 ... below - 1 of an address. Raises InputError if it is none."""
    text = query.get(name, "")
    if text not in map(str, range(below)):
        raise InputError(f"{name} has to be a whole number from 0 to {below - 1}")
    return int(text)


def main() -> None:
    parser = ArgumentParser(__doc__)
    saved = "networks of train.py (default: results/train/network.npz)"
    parser.add_argument("--model", type=Path, nargs="+", default=[DEFAULT_MODEL], help=saved)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    arguments = parser.parse_args()
    page = Page(arguments.model, ROOT / "results" / "drawn.csv")
    server = LocalServer(ROOT / "page", page.actions)
    print(f"draw here: {server.url}\nCtrl-C ends", flush=True)
    if not arguments.no_browser:  # in a thread: one in a terminal would not return
        threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    run_script(main)
