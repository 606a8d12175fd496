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
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import draw
from src.common.errors import InputError
from src.common.server import MAX_BODY, LocalServer
from src.digits.data import ROOT, Data
from src.digits.formats import read_table
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.reading import saved
from src.reading.saved import Model, mean_probabilities, save_network
from src.utils import scale

WAIT = 60  # seconds that something may take on a busy machine


@pytest.fixture(scope="module")
def models() -> list[Model]:
    sizes = [([784, 16, 8, 10], "relu"), ([784, 12, 10], "tanh")]
    networks = [NeuralNetwork(size, name, seed=1) for size, name in sizes]
    for network in networks:
        for biases in network.biases:
            biases[:] = np.random.default_rng(0).normal(size=biases.shape)
    return list(zip(networks, ["deskew", "none"]))


@pytest.fixture
def server(models: list[Model], tmp_path: Path) -> Iterator[LocalServer]:
    asked = draw.actions(models, ["A.npz", "B.npz"], tmp_path / "drawn.csv")
    with LocalServer(draw.FILES, asked) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server
        server.shutdown()


Answer = tuple[int, dict[str, str], bytes]


def ask(
    server: LocalServer, path: str, body: bytes | None = None, method: str = "", **headers: str
) -> Answer:
    """Status, headers and body of a request; `path` follows the token unless it begins with /."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT)
    path = path if path.startswith("/") else f"/{server.token}/{path}"
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method or ("GET" if body is None else "POST"), path, body, names)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), content


def ask_raw(server: LocalServer, text: str) -> int:
    """The status that raw bytes are answered with; 0 if the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as connection:
        connection.sendall(text.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0


def lives(server: LocalServer) -> bool:
    return ask(server, "networks")[0] == 200


def a_drawing() -> np.ndarray:
    """A slanted stroke on the pad."""
    ink = np.zeros((draw.SIDE, draw.SIDE), np.uint8)
    for row in range(30, 170):
        ink[row, 140 - row // 2 : 156 - row // 2] = 255
    return ink


# ------------------------------------------------------------------------ what the network does


@pytest.mark.parametrize("chosen", [0, 1])
def test_everything_shown_is_what_forward_computed(
    models: list[Model], digits: Data, chosen: int
) -> None:
    network, preprocessing = models[chosen]
    image = digits.images[:1]
    x = scale(PREPROCESSING[preprocessing](image))
    logits, cache = network.forward(x)
    answer = draw.think(models, image[0], chosen)
    assert answer["image"] == image.ravel().tolist()
    assert answer["seen"] == x[0].tolist()
    assert answer["hidden"] == [cache[layer][0][0].tolist() for layer in range(1, len(cache))]
    assert answer["logits"] == logits[0].tolist()
    assert answer["probabilities"] == mean_probabilities(models, image)[0].tolist()


@pytest.mark.parametrize("chosen", [0, 1])
def test_what_spoke_for_a_unit_adds_up_to_what_it_was_given(
    models: list[Model], digits: Data, chosen: int
) -> None:
    network, preprocessing = models[chosen]
    x = scale(PREPROCESSING[preprocessing](digits.images[:1]))
    logits, cache = network.forward(x)
    z_of_layer = [z for _, z, _ in cache[:-1]] + [logits]
    for layer, z in enumerate(z_of_layer):
        for unit in range(z.shape[1]):
            trace = draw.trace(network, cache, layer, unit)
            assert trace["sum"] + trace["bias"] == pytest.approx(z[0, unit], abs=1e-4)
            assert [len(spoke) for spoke in trace["spoke"]] == network.layer_sizes[: layer + 1]
            product = x[0] * np.array(trace["weights"])
            np.testing.assert_allclose(trace["spoke"][0], product, atol=1e-5)
    first = draw.trace(network, cache, 0, 3)
    assert first["weights"] == network.weights[0][:, 3].tolist()


def test_path_weights_are_what_a_pixel_changes(digits: Data) -> None:
    """Against a difference quotient, in float64: also through a layer that is not linear."""
    network = NeuralNetwork([784, 12, 6, 10], "tanh", seed=2, dtype=np.float64)
    x = scale(digits.images[:1], np.float64)
    trace = draw.trace(network, network.forward(x)[1], 2, 7)
    for pixel in (300, 406, 500):
        step = np.zeros_like(x)
        step[0, pixel] = 1e-5
        up, down = network.forward(x + step)[0], network.forward(x - step)[0]
        slope = (up - down)[0, 7] / 2e-5
        assert trace["weights"][pixel] == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_a_drawing_is_fitted_and_an_empty_one_is_none() -> None:
    image = draw.to_image(a_drawing().tobytes())
    assert image is not None and image.shape == (28, 28) and image.max() == 255
    assert np.flatnonzero(image.any(axis=1)).size == 20  # MNIST's height
    assert draw.to_image(bytes(draw.SIDE**2)) is None
    ready = np.arange(784, dtype=np.uint8)
    assert (draw.to_image(ready.tobytes()) == ready.reshape(28, 28)).all()


# ----------------------------------------------------------------------------------------- saving


def test_saved_drawings_are_read_as_kaggles(tmp_path: Path, digits: Data) -> None:
    path = tmp_path / "new" / "drawn.csv"
    rows = [draw.save(path, digits.images[n], int(digits.labels[n])) for n in range(3)]
    assert rows == [1, 2, 3]
    images, labels = read_table(path)
    assert (images == digits.images[:3]).all() and (labels == digits.labels[:3]).all()
    assert path.read_text().startswith("label,pixel0,pixel1,")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", ""])  # "": the last line has no end
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


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_gets_a_header(tmp_path: Path, digits: Data, mark: bytes) -> None:
    path = tmp_path / "drawn.csv"
    path.write_bytes(mark)
    assert draw.save(path, digits.images[0], 1) == 1
    assert read_table(path)[1].tolist() == [1]  # type: ignore[union-attr]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00", b"ImageId,Label\n"])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "drawn.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="move it away"):
        draw.save(path, np.zeros((28, 28), np.uint8), 1)
    assert path.read_bytes() == content


def test_saving_fails_whole(server: LocalServer, tmp_path: Path, digits: Data) -> None:
    resource = pytest.importorskip("resource", reason="Windows cannot limit a file's size")
    image = digits.images[0].tobytes()
    assert ask(server, "save?label=4", image)[0] == 200
    before = (tmp_path / "drawn.csv").read_bytes()

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, limits[1]))
    try:  # a row needs more
        status, _, message = ask(server, "save?label=4", image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 500 and b"drawn.csv: File too large" in message
    assert (tmp_path / "drawn.csv").read_bytes() == before
    assert ask(server, "save?label=4", image)[0] == 200


def test_savings_at_once_lose_none(server: LocalServer, tmp_path: Path, digits: Data) -> None:
    def save(number: int) -> None:
        ask(server, f"save?label={number}", digits.images[number].tobytes())

    threads = [threading.Thread(target=save, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_table(tmp_path / "drawn.csv")[1]) == list(range(8))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- the server


def test_the_page_and_its_parts_are_handed_out(server: LocalServer) -> None:
    parts = {path.name for path in draw.PAGE.iterdir()} - {"index.html"}
    assert parts == set(draw.FILES) - {""}
    for name, path in draw.FILES.items():
        status, headers, content = ask(server, name)
        assert status == 200 and content == path.read_bytes()
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    assert ask(server, "")[1]["Content-Type"] == "text/html; charset=utf-8"


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for path in draw.FILES.values():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"(^|\s)//\s.*", "", text), path


def test_thinking_over_the_wire(server: LocalServer, models: list[Model]) -> None:
    ink = a_drawing().tobytes()
    answer = json.loads(ask(server, "think?network=1&layer=1&unit=9", ink)[2])
    image = draw.to_image(ink)
    assert image is not None
    assert answer == draw.think(models, image, 1, (1, 9))
    assert json.loads(ask(server, "think?network=0", bytes(draw.SIDE**2))[2]) is None


def test_test_images_and_mistakes(
    server: LocalServer, models: list[Model], digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw, "mnist", lambda: digits)
    for query in ("random=1", "wrong=1"):
        answer = json.loads(ask(server, f"test?{query}")[2])
        image = digits.test_images[answer["number"]]
        assert answer["image"] == image.ravel().tolist()
        assert answer["label"] == digits.test_labels[answer["number"]]
    assert mean_probabilities(models, image[None]).argmax() != answer["label"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", ""]
)
def test_a_foreign_host_is_refused(server: LocalServer, host: str) -> None:
    assert ask(server, "", Host=host.format(port=server.port))[0] == 403
    assert lives(server)


def test_our_host_is_not_refused(server: LocalServer) -> None:
    for host in ("127.0.0.1", "localhost"):
        assert ask(server, "", Host=f"{host}:{server.port}")[0] == 200


def test_two_hosts_or_none_are_refused(server: LocalServer) -> None:
    ours = f"Host: 127.0.0.1:{server.port}\r\n"
    for hosts in ("", ours + ours, ours + "Host: evil.example\r\n"):
        assert ask_raw(server, f"GET /{server.token}/ HTTP/1.1\r\n{hosts}\r\n") == 403


@pytest.mark.parametrize("path", ["/", "/wrong/", "//", "/{short}/", "/{token}x/", "/%00/", "/é/"])
def test_without_the_token_nothing_is_told(server: LocalServer, path: str) -> None:
    path = path.format(token=server.token, short=server.token[:-1])
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    assert ask_raw(server, request) == 403
    assert LocalServer(draw.FILES, {}).token != server.token


@pytest.mark.parametrize(
    "name",
    ["../draw.py", "..%2fdraw.py", "/etc/passwd", "page/main.js", "index.html", "main.js/", "x"],
)
def test_no_path_leads_to_another_file(server: LocalServer, name: str) -> None:
    assert ask(server, f"/{server.token}/{name}")[0] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("think", bytes(784)),
        ("think?network=2", bytes(784)),
        ("think?network=-1", bytes(784)),
        ("think?network=0", b""),
        ("think?network=0", bytes(785)),
        ("think?network=0&unit=0", bytes(784)),
        ("think?network=0&layer=3&unit=0", bytes(784)),
        ("think?network=0&layer=0&unit=16", bytes(784)),
        ("think?network=²", bytes(784)),
        ("think?network=" + "9" * 5000, bytes(784)),
        ("save?label=10", bytes(784)),
        ("save", bytes(784)),
        ("save?label=1", bytes(783)),
    ],
)
def test_malformed_questions_are_refused(server: LocalServer, path: str, body: bytes) -> None:
    head = f"POST /{server.token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    assert ask_raw(server, head + body.decode("latin-1")) == 400
    assert lives(server)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        ("GET\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400),
        ("GET / HTTP/x\r\n\r\n", 400),
        ("GET /" + "a" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\n" + "X: y\r\n" * 200 + "\r\n", 431),
        ("PUT {path} HTTP/1.1\r\n{host}\r\n", 405),
        ("OPTIONS {path} HTTP/1.1\r\n{host}\r\n", 405),
        ("POST {path} HTTP/1.1\r\n{host}\r\n", 404),
        ("POST {path}networks HTTP/1.1\r\n{host}\r\n", 404),
        ("GET {path}think HTTP/1.1\r\n{host}\r\n", 404),
        ("POST {path}think HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n", 411),
        ("POST {path}think HTTP/1.1\r\n{host}Content-Length: ten\r\n\r\n", 411),
        ("POST {path}think HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("POST {path}think?network=0 HTTP/1.1\r\n{host}Content-Length: 784\r\n\r\nshort", 400),
        ("", 0),
        ("GET {path} HTT", 400),
    ],
)
def test_malformed_requests_are_refused_and_nothing_dies(
    server: LocalServer, text: str, status: int
) -> None:
    text = text.replace("{path}", f"/{server.token}/")
    assert ask_raw(server, text.replace("{host}", f"Host: 127.0.0.1:{server.port}\r\n")) == status
    assert lives(server)


def test_a_long_body_is_refused(server: LocalServer) -> None:
    assert ask(server, "think?network=0", bytes(2_000_000))[0] == 413
    assert ask(server, "think?network=0", bytes(MAX_BODY + 1))[0] == 413
    assert ask(server, "think?network=0", bytes(MAX_BODY))[0] == 400  # read, but no drawing
    assert lives(server)


def test_only_this_machine_is_served(server: LocalServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


# --------------------------------------------------------------------------------- the command line


@pytest.fixture(scope="module")
def network_file(models: list[Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "network.npz"
    save_network(path, models[0][0], {"preprocessing": "deskew"})
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "draw.py"), *map(str, arguments), "--no-browser"]


def test_a_port_in_use_is_named(server: LocalServer, network_file: Path) -> None:
    line = command("--model", network_file, "--port", server.port)
    done = subprocess.run(line, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 2
    expected = f"error: port {server.port} is in use; choose another with --port\n"
    assert done.stderr == expected


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_named(
    network_file: Path, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["draw.py", "--model", str(network_file), f"--port={port}"])
    with pytest.raises(InputError, match=port):
        draw.main()


def test_without_a_network_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (draw, saved):
        monkeypatch.setattr(module, "DEFAULT_MODEL", tmp_path / "network.npz")
    monkeypatch.setattr(sys, "argv", ["draw.py", "--no-browser"])
    with pytest.raises(InputError, match=r"python train\.py --recipe best"):
        draw.main()


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a signal")
def test_ctrl_c_ends_it_even_with_an_open_connection(network_file: Path) -> None:
    with subprocess.Popen(
        command("--model", network_file), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port, token = re.search(r":(\d+)/([\w-]+)/", process.stdout.readline()).groups()  # type: ignore[union-attr]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT) as connection:
            request = f"GET /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130  # the open connection alone would hold it for 30 s
        assert process.stderr is not None and "Traceback" not in process.stderr.read()
