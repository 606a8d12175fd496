"""Draw a digit in the browser and watch a network that `python train.py` has made read it.

    python draw.py                              # opens a page that only this machine can reach
    python draw.py --model A.npz B.npz          # average their probabilities; look into each

Nothing on the page is made up: it shows what `forward` computes, with the code that trains.
"""

from src.common.start import start

start(__name__)  # before NumPy is imported: one BLAS thread

import argparse
import functools
import threading
import webbrowser
from pathlib import Path

import numpy as np
from filelock import FileLock

from src.activations import ACTIVATIONS
from src.common.errors import InputError
from src.common.files import replacing
from src.common.script import ArgumentParser, run_script, whole_number
from src.common.server import Action, LocalServer
from src.digits.data import EMBEDDED, ROOT, Data, load_data
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading.pictures import fit
from src.reading.saved import DEFAULT_MODEL, Model, load_models, mean_probabilities
from src.utils import scale

PAGE = ROOT / "page"
FILES = {name: PAGE / name for name in ["style.css", "main.js", "pad.js", "show.js", "icon.svg"]}
FILES[""] = PAGE / "index.html"
SIDE = 200  # pixels of a drawing's side, as the page sends it
CSV_HEADER = ",".join(["label", *(f"pixel{number}" for number in range(784))])


# ------------------------------------------------------------------------ what the network does


def to_image(body: bytes) -> np.ndarray | None:
    """200x200 bytes of ink, or the 784 of a ready image, to an image (28, 28) uint8.

    None if nothing is drawn. Raises InputError for another length.
    """
    values = np.frombuffer(body, np.uint8)
    if len(values) == 784:
        return values.reshape(28, 28)
    if len(values) != SIDE * SIDE:
        raise InputError(f"expected {SIDE * SIDE} bytes of ink or 784 of an image")
    ink = values.reshape(SIDE, SIDE) / np.float32(255)
    return fit(ink) if ink.max() > 0.5 else None


@np.errstate(all="ignore")  # what overflows is said by mean_probabilities
def think(
    models: list[Model], image: np.ndarray, chosen: int, focus: tuple[int, int] | None = None
) -> dict:
    """All that the chosen network makes of an image (28, 28) uint8, ready for JSON.

    The probabilities are the mean over all networks, as in predict.py. `focus`, a (layer, unit),
    adds its trace.
    """
    network, preprocessing = models[chosen]
    x = scale(PREPROCESSING[preprocessing](image[np.newaxis]), network.dtype)
    logits, cache = network.forward(x)
    answer = {
        "image": image.ravel().tolist(),
        "seen": x[0].tolist(),
        "hidden": [a[0].tolist() for a, _, _ in cache[1:]],
        "logits": logits[0].tolist(),
        "probabilities": mean_probabilities(models, image[np.newaxis])[0].tolist(),
    }
    if focus:
        answer["trace"] = trace(network, cache, *focus)
    return answer


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


@functools.cache
def mnist() -> Data:
    """The MNIST in this repo, for its test images."""
    return load_data(EMBEDDED)


@functools.cache
def mistakes(models: tuple[Model, ...]) -> np.ndarray:
    """The numbers of the test images that these networks get wrong."""
    answers = mean_probabilities(list(models), mnist().test_images).argmax(axis=1)
    return np.flatnonzero(answers != mnist().test_labels)


def save(path: Path, image: np.ndarray, label: int) -> int:
    """Append an image (28, 28) to a CSV in Kaggle's format, whole or not at all; its row's number.

    A spreadsheet may have saved it with semicolons, tabs, or as UTF-16. Raises InputError if the
    file is something else.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file; give --out another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        before = path.read_bytes() if path.exists() else b""
        marks = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
        encoding = marks.get(before[:2], "utf-8")
        text = before.decode(encoding, errors="replace").removeprefix("\ufeff")
        header = "" if text else f"{CSV_HEADER}\n"
        text = header + text
        lines, delimiter = text.splitlines(), text[5:6] or ","
        if lines[0].split(delimiter) != CSV_HEADER.split(","):
            raise InputError(f"{path} does not begin with label,pixel0,...; move it away")
        row = delimiter.join(map(str, [label, *image.ravel()]))
        end = "" if text.endswith("\n") else "\n"  # of the line before
        with replacing(path) as temporary:
            temporary.write_bytes(before + f"{header}{end}{row}\n".encode(encoding))
    return len(lines)


# ------------------------------------------------------------------------- what the page asks for


def actions(models: list[Model], names: list[str], drawn: Path) -> dict[tuple[str, str], Action]:
    """What the page can ask for, by method and name."""

    def networks(query: dict, body: bytes) -> dict:
        shown = []
        for name, (network, preprocessing) in zip(names, models):
            facts = {"sizes": network.layer_sizes, "activation": network.activation}
            shown.append({"name": name, "preprocessing": preprocessing, **facts})
        return {"networks": shown, "file": f"{drawn.parent.name}/{drawn.name}"}

    def test(query: dict, body: bytes) -> dict:
        images, labels = mnist().test_images, mnist().test_labels
        rows = mistakes(tuple(models)) if "wrong" in query else np.arange(len(labels))
        if not len(rows):
            raise InputError("the network gets every test image right")
        row = int(np.random.default_rng().choice(rows))
        return {"number": row, "image": images[row].ravel().tolist(), "label": int(labels[row])}

    def think_about(query: dict, body: bytes) -> dict | None:
        image, chosen, focus = to_image(body), whole(query, "network", len(models)), None
        if "unit" in query:
            sizes = models[chosen][0].layer_sizes
            layer = whole(query, "layer", len(sizes) - 1)
            focus = layer, whole(query, "unit", sizes[layer + 1])
        return None if image is None else think(models, image, chosen, focus)

    def save_drawing(query: dict, body: bytes) -> dict:
        if len(body) != 784:
            raise InputError("expected the 784 bytes of an image")
        image = np.frombuffer(body, np.uint8).reshape(28, 28)
        return {"row": save(drawn, image, whole(query, "label", 10))}

    get = {("GET", "networks"): networks, ("GET", "test"): test}
    return get | {("POST", "think"): think_about, ("POST", "save"): save_drawing}


def whole(query: dict, name: str, below: int) -> int:
    """A whole number 0 ... below - 1 of an address. Raises InputError if it is none."""
    text = query.get(name, "")
    if text not in map(str, range(below)):
        raise InputError(f"{name} has to be a whole number from 0 to {below - 1}")
    return int(text)


# ------------------------------------------------------------------------------ the command line


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, nargs="+", default=[DEFAULT_MODEL])
    port = whole_number(0, 65535)
    parser.add_argument("--port", type=port, default=0, help="default: a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    drawn = ROOT / "results" / "drawn.csv"
    parser.add_argument("--out", type=Path, default=drawn, help="default: results/drawn.csv")
    arguments = parser.parse_args()
    models = load_models(arguments.model)
    asked = actions(models, list(map(str, arguments.model)), arguments.out)
    with LocalServer(FILES, asked, arguments.port) as server:
        print(f"draw here: {server.url}\nCtrl-C ends", flush=True)
        if not arguments.no_browser:  # in a thread: one in a terminal would not return
            threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
        server.serve_forever()


if __name__ == "__main__":
    run_script(main)
