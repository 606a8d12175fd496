"""A web server that only the browser on this machine can use; it knows nothing of networks."""

import errno
import hmac
import json
import os
import re
import secrets
import socketserver
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from src.common.errors import InputError

MAX_BODY = 1_000_000  # bytes of a request
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "Cache-Control": "no-store",
}

Action = Callable[[dict[str, str], bytes], Any]  # query and body to what is answered as JSON


class LocalServer(socketserver.ThreadingTCPServer):
    """Serves on 127.0.0.1, to whoever knows the token in `url`, these files and actions only.

    files: name to path; actions: (method, name) to function. Port 0 stands for a free one. Raises
    InputError if the port cannot be opened.
    """

    daemon_threads = True  # Ctrl-C does not wait for open connections
    request_queue_size = 128  # a browser opens several connections, and some stay idle
    allow_reuse_address = os.name == "posix"  # Windows would share a port that is in use

    def __init__(
        self, files: dict[str, Path], actions: dict[tuple[str, str], Action], port: int = 0
    ) -> None:
        self.files, self.actions = files, actions
        self.token = secrets.token_urlsafe(16)
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error})"
            raise InputError(f"port {port} {why}; choose another with --port") from error
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page closed in the middle of an answer is no fault; anything else is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection: refuses what does not come from our page, answers the rest."""

    server: LocalServer
    protocol_version = "HTTP/1.1"  # keeps the connection between requests
    default_request_version = "HTTP/1.0"  # so that even gibberish is answered with a status
    timeout = 30
    wbufsize = -1  # headers and body leave in one piece
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        _, token, name = [*path.split("/", 2), "", ""][:3]
        length = self.headers.get("Content-Length", "0")
        hosts = [f"{host}:{self.server.port}" for host in ("127.0.0.1", "localhost")]
        if self.headers.get_all("Host", []) not in [[host] for host in hosts]:
            self.send_error(403, f"the host is not {hosts[0]}")  # DNS rebinding
        elif not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self.send_error(403, "the address lacks the token; use the one that was printed")
        elif "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,9}", length):
            self.send_error(411, "Content-Length has to say how long the body is")
        elif int(length) > MAX_BODY:
            self.send_error(413, f"the body is longer than {MAX_BODY:,} bytes")
            self.wfile.flush()
            self.rfile.read(min(int(length), 8 * MAX_BODY))  # or the browser misses the refusal
        else:
            self.answer(name, query, self.rfile.read(int(length)))

    do_POST = do_GET

    def answer(self, name: str, query: str, body: bytes) -> None:
        """Hand out a file, or do what is asked."""
        file = self.server.files.get(name) if self.command == "GET" else None
        if file:
            kind = f"{KINDS[file.suffix[1:]]}; charset=utf-8"
            return self.reply(200, kind, file.read_bytes())
        action = self.server.actions.get((self.command, name))
        if not action:
            return self.send_error(404, "there is no such page")
        try:
            result = action(dict(parse_qsl(query)), body)
        except InputError as error:
            return self.send_error(400, str(error))
        except OSError as error:  # a full disk
            return self.send_error(500, f"{error.filename or name}: {error.strerror}")
        return self.reply(200, "application/json", json.dumps(result).encode())

    def reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        headers = HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse in one plain line, and hang up: what follows may be the unread rest."""
        self.close_connection = True
        code = {501: 405, 505: 400}.get(code, code)  # an unknown method or version is their fault
        self.reply(code, "text/plain; charset=utf-8", (message or "not understood").encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a line for every stroke would help nobody."""
