"""A web server that only the browser on this machine can use; it knows nothing of networks."""

import hmac
import json
import logging
import secrets
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

    An action gets query and body, and returns what is answered as JSON. Bodies over MAX_BODY are
    refused before they are read.
    """

    def __init__(self, folder: Path, actions: Mapping[str, Callable]) -> None:
        self.files = {path.name: path for path in folder.iterdir() if path.suffix in KINDS}
        self.files[""] = folder / "index.html"
        self.actions = actions
        options = {"max_request_body_size": MAX_BODY + 1, "connection_limit": 500, "ident": None}
        self.server = waitress.create_server(self.respond, listen="127.0.0.1:0", **options)
        self.host = f"127.0.0.1:{self.server.effective_port}"
        self.token = secrets.token_urlsafe(16)
        self.url = f"http://{self.host}/{self.token}/"

    def serve_forever(self) -> None:
        """Answer until Ctrl-C."""
        logging.getLogger("waitress").setLevel(logging.ERROR)  # it warns when requests have to wait
        self.server.run()
        raise KeyboardInterrupt  # waitress has swallowed it

    def respond(self, environ: dict[str, Any], start_response: Callable) -> list[bytes]:
        """One request and its answer, as WSGI (PEP 3333) has them."""
        try:
            status, (kind, body) = "200 OK", self.answer(environ)
        except (InputError, OSError) as error:  # OSError: a full disk
            status = "400 Bad Request" if isinstance(error, InputError) else "500 Server Error"
            kind, body = "text/plain; charset=utf-8", str(error).encode()
        start_response(status, [*HEADERS.items(), ("Content-Type", kind)])
        return [body]

    def answer(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        """Type and content of what is asked for. Raises InputError if our page did not ask."""
        if environ.get("HTTP_HOST") != self.host:  # another site's name, by DNS rebinding
            raise InputError("the host is not 127.0.0.1")
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
