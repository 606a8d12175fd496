"""draw.py without a browser: what it computes, what it saves, what it refuses."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

import draw
from src.common.errors import InputError
from src.common.server import HEADERS, KINDS, MAX_BODY, LocalServer
from src.digits.data import ROOT, Data
from src.digits.formats import read_table
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading.saved import mean_probabilities, save_network
from src.utils import scale

WAIT = 60  # seconds that something may take on a busy machine


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> draw.Page:
    """The page of two networks with biases."""
    folder = tmp_path_factory.mktemp("networks")
    paths = [folder / "A.npz", folder / "B.npz"]
    settings = [([784, 16, 8, 10], "relu", "deskew"), ([784, 12, 10], "tanh", "none")]
    for path, (sizes, activation, preprocessing) in zip(paths, settings):
        network = NeuralNetwork(sizes, activation, seed=1)
        for biases in network.biases:
            biases[:] = np.random.default_rng(0).normal(size=biases.shape)
        save_network(path, network, {"preprocessing": preprocessing})
    return draw.Page(paths, folder / "drawn.csv")


@pytest.fixture(scope="module")
def server(page: draw.Page) -> LocalServer:
    server = LocalServer(ROOT / "page", page.actions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def ask(server: LocalServer, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Status and content of the answer; `path` follows the token unless it begins with /."""
    connection = http.client.HTTPConnection(server.host, timeout=WAIT)
    path = path if path.startswith("/") else f"/{server.token}/{path}"
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST" if body else "GET", path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize("chosen", [0, 1])
def test_everything_shown_is_what_forward_computed(
    page: draw.Page, server: LocalServer, digits: Data, chosen: int
) -> None:
    network, preprocessing = page.models[chosen]
    image = digits.images[:1]
    x = scale(PREPROCESSING[preprocessing](image))
    logits, cache = network.forward(x)
    answer = ask(server, f"think?network={chosen}&layer=1&unit=7", image.tobytes())[1]
    assert json.loads(answer) == {
        "image": image.ravel().tolist(),
        "seen": x[0].tolist(),
        "hidden": [cache[layer][0][0].tolist() for layer in range(1, len(cache))],
        "logits": logits[0].tolist(),
        "probabilities": mean_probabilities(page.models, image)[0].tolist(),
        "trace": draw.trace(network, cache, 1, 7),
    }


def test_what_spoke_for_a_unit_adds_up_and_path_weights_are_slopes(digits: Data) -> None:
    """In float64, so that a difference quotient tells what a pixel changes."""
    network = NeuralNetwork([784, 12, 6, 10], "tanh", seed=2, dtype=np.float64)
    network.biases[1][:] = 0.3
    x = scale(digits.images[:1], np.float64)
    logits, cache = network.forward(x)
    for layer, z in enumerate([cache[0][1], cache[1][1], logits]):
        for unit in range(z.shape[1]):
            trace = draw.trace(network, cache, layer, unit)
            assert trace["sum"] + trace["bias"] == pytest.approx(z[0, unit])
            assert [len(spoke) for spoke in trace["spoke"]] == network.layer_sizes[: layer + 1]
            np.testing.assert_allclose(trace["spoke"][0], x[0] * trace["weights"])
    for pixel in (0, 300, 406, 500):
        step = np.zeros_like(x)
        step[0, pixel] = 1e-5
        change = network.forward(x + step)[0] - network.forward(x - step)[0]
        slope = change[0, 9] / 2e-5  # of the last unit, whose trace this is
        assert trace["weights"][pixel] == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_a_drawing_is_fitted_and_an_image_left_as_it_is() -> None:
    ink = np.zeros((draw.SIDE, draw.SIDE), np.uint8)
    ink[30:170, 90:106] = 255
    image = draw.to_image(ink.tobytes())
    assert image.shape == (28, 28) and image.any(axis=1).sum() == 20  # MNIST's height
    ready = np.arange(784, dtype=np.uint8)
    assert (draw.to_image(ready.tobytes()) == ready.reshape(28, 28)).all()


def test_test_images_and_mistakes(
    page: draw.Page, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw, "load_data", lambda path: digits)
    for _ in range(50):
        answer = page.test({"wrong": "1"}, b"")
        image = digits.test_images[answer["number"]]
        assert answer["image"] == image.ravel().tolist()
        assert answer["label"] == digits.test_labels[answer["number"]]
        assert mean_probabilities(page.models, image[None]).argmax() != answer["label"]
    assert page.test({"random": "1"}, b"").keys() == answer.keys()


def test_drawings_saved_at_once_are_read_as_kaggles(tmp_path: Path, digits: Data) -> None:
    path = tmp_path / "new" / "drawn.csv"
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(draw.save, [path] * 8, digits.images, range(8)))
    images, labels = read_table(path)
    assert sorted(rows) == [*range(1, 9)] and path.read_text().startswith("label,pixel0,pixel1,")
    assert labels is not None and sorted(labels) == [*range(8)]
    assert (images == digits.images[labels]).all()


@pytest.mark.parametrize(
    ("delimiter", "encoding", "newline"),  # "": the last line has no end
    [(",", "utf-8-sig", "\r\n"), (";", "utf-8", ""), ("\t", "utf-16", "\r\n"), (";", "utf-16", "")],
)
def test_what_a_spreadsheet_has_saved_is_appended_to(
    delimiter: str, encoding: str, newline: str, tmp_path: Path, digits: Data
) -> None:
    path = tmp_path / "drawn.csv"
    draw.save(path, digits.images[0], 1)
    text = path.read_text().rstrip().replace(",", delimiter)
    text = text.replace("\n", newline or "\n") + newline
    path.write_bytes(text.encode(encoding))
    before = path.read_bytes()
    assert draw.save(path, digits.images[1], 2) == 2
    assert path.read_bytes().startswith(before)
    images, labels = read_table(path)
    assert (images == digits.images[:2]).all() and labels.tolist() == [1, 2]  # type: ignore


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00", b""])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "drawn.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="move it away"):
        draw.save(path, np.zeros((28, 28), np.uint8), 1)
    assert path.read_bytes() == content


def test_saving_fails_whole(page: draw.Page, server: LocalServer, digits: Data) -> None:
    resource = pytest.importorskip("resource", reason="Windows cannot limit a file's size")
    image = digits.images[0]
    draw.save(page.drawn, image, 4)
    before = page.drawn.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, limits[1]))
    try:  # a row needs more
        status, message = ask(server, "save?label=4", image.tobytes())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 500 and b"File too large" in message and b"drawn.csv" in message
    assert page.drawn.read_bytes() == before


def test_the_page_and_its_parts_are_handed_out(server: LocalServer) -> None:
    for path in (ROOT / "page").iterdir():
        answer = urlopen(server.url + path.name, timeout=WAIT)
        content = answer.read()
        assert content == path.read_bytes() and answer.headers["Content-Type"] == KINDS[path.suffix]
        assert dict(answer.headers).items() >= HEADERS.items() and "Server" not in answer.headers
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"(^|\s)//\s.*", "", text), "it needs something from elsewhere"
    assert ask(server, "")[1] == (ROOT / "page" / "index.html").read_bytes()
    assert server.server.socket.getsockname()[0] == "127.0.0.1"  # for this machine only
    assert LocalServer(ROOT / "page", {}).token != server.token


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "{}.evil.example", ""])
def test_a_foreign_host_is_refused(server: LocalServer, host: str) -> None:
    assert b"the host is not 127.0.0.1" in ask(server, "", Host=host.format(server.host))


@pytest.mark.parametrize(
    ("path", "size"),
    [
        *((path, 0) for path in ("/", "/wrong/", "//", "/{short}/", "/{token}x/", "/é/")),
        *((path, 0) for path in ("../draw.py", "..%2fdraw.py", "..%5cdraw.py", "/etc/passwd", "x")),
        *((f"think?network={wrong}", 784) for wrong in ("", "2", "-1", "²")),
        *(("think?network=0", size) for size in (0, 785, draw.SIDE**2)),  # last: nothing is drawn
        ("think?network=0&layer=3&unit=0", 784),
        ("think?network=0&layer=0&unit=16", 784),
        ("save?label=10", 784),
        ("save?label=1", 783),
    ],
)
def test_what_the_page_does_not_ask_is_refused(server: LocalServer, path: str, size: int) -> None:
    path = quote(path.format(token=server.token, short=server.token[:-1]), safe="/?&=%")
    assert ask(server, path, bytes(size))[0] == 400


def test_a_long_body_is_refused_before_it_is_read(server: LocalServer) -> None:
    assert ask(server, "think?network=0", Content_Length=str(MAX_BODY + 1))[0] == 413
    assert ask(server, "think?network=0", bytes(MAX_BODY))[0] == 400  # read, but no drawing


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a signal")
def test_idle_connections_hold_up_neither_an_answer_nor_the_end(page: draw.Page) -> None:
    line = [sys.executable, ROOT / "draw.py", "--no-browser", "--model", *page.paths]
    pipe = subprocess.PIPE
    process = subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        address = "127.0.0.1", urlsplit(url).port
        idle = [socket.create_connection(address) for _ in range(120)]
        with ThreadPoolExecutor(20) as pool:
            statuses = pool.map(lambda _: urlopen(url, timeout=20).status, range(60))
        assert set(statuses) == {200}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130 and len(idle) == 120
        assert process.stderr.read() == "\nstopped\n"  # and no line for a request
    finally:
        process.kill()


def test_the_thinnest_drawing_is_an_image() -> None:
    drawing = np.zeros((200, 200), np.uint8)
    drawing[10, 10] = drawing[190, 190] = 255  # two dots, far apart
    assert draw.to_image(drawing.tobytes()).max() == 255
