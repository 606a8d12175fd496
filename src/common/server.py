"""A web server that only the browser on this machine can use; it knows nothing of networks."""

import hmac
import json
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import waitress

from src.common.errors import InputError

MAX_BODY = 100_000  # bytes of a request
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
KINDS[".svg"] = "image/svg+xml"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address holds the token
}


class LocalServer:
    """Serves a folder's files, and actions by name, on 127.0.0.1 to whoever knows the address.

    An action gets query and body, and returns what is answered as JSON. Port 0 stands for a free
    one. Raises InputError if the port cannot be opened.
    """

    def __init__(self, folder: Path, actions: Mapping[str, Callable], port: int = 0) -> None:
        self.files = {path.name: path for path in folder.iterdir() if path.suffix in KINDS}
        self.files[""] = folder / "index.html"
        self.actions = actions
        try:
            self.listener = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise InputError(f"port {port}: {error.strerror}; give --port another") from error
        self.port = self.listener.getsockname()[1]
        self.token = secrets.token_urlsafe(16)
        self.url = f"http://127.0.0.1:{self.port}/{self.token}/"

    def serve_forever(self) -> None:
        """Answer until Ctrl-C. Bodies over MAX_BODY are refused before they are read."""
        logging.getLogger("waitress").setLevel(logging.ERROR)  # it warns when requests have to wait
        limits = {"max_request_body_size": MAX_BODY + 1, "connection_limit": 500}
        waitress.create_server(self.respond, sockets=[self.listener], ident=None, **limits).run()
        raise KeyboardInterrupt  # waitress has swallowed it

    def respond(self, environ: dict[str, Any], start_response: Callable) -> list[bytes]:
        """One request and its answer, as WSGI (PEP 3333) has them."""
        try:
            status, (kind, body) = "200 OK", self.answer(environ)
        except (InputError, OSError) as error:  # OSError: a full disk
            status = "400 Bad Request" if isinstance(error, InputError) else "500 Server Error"
            kind, body = "text/plain; charset=utf-8", str(error).encode()
        headers = HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}
        start_response(status, list(headers.items()))
        return [body]

    def answer(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        """Type and content of what is asked for. Raises InputError if our page did not ask."""
        if environ.get("HTTP_HOST") not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            raise InputError("the host is not 127.0.0.1")  # another site's name, by DNS rebinding
        token, _, name = environ["PATH_INFO"].lstrip("/").rpartition("/")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise InputError("the address lacks the token; use the one that was printed")
        if name in self.files:
            return KINDS[self.files[name].suffix], self.files[name].read_bytes()
        if name not in self.actions:
            raise InputError("there is no such page")
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        result = self.actions[name](query, environ["wsgi.input"].read())
        return "application/json", json.dumps(result).encode()
