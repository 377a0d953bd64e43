"""What every example shares: its command line, and a static server for pages that live on an origin of their own."""

import argparse
import functools
import mimetypes
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

LOOPBACK = "127.0.0.1"
TEXT_SUFFIXES = {".html", ".css", ".js", ".svg"}


@dataclass(frozen=True, slots=True)
class Options:
    """How one example was started. Both ports are on 127.0.0.1; `fault` is "" for the right variant."""

    port: int  # the page's
    api_port: int  # the API's, where it has an origin of its own; else 0
    fault: str


def parse_options(
    argv: Sequence[str] | None, *, about: str | None, port: int, api_port: int = 0, faults: Mapping[str, str] | None = None
) -> Options:
    """Read an example's command line.

    Args:
        argv: None for the process's own arguments.
        about: the module's docstring; its first line is shown by --help.
        port: default port of the page.
        api_port: default port of the API; 0 when page and API share one origin.
        faults: fault → what is wrong, in the order of the manual. The first is what --broken means.

    Raises:
        SystemExit: the command line is wrong, or somebody listens on a port already.
    """
    faults = faults or {}
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=port, help=f"port of the page ({port})")
    if api_port:
        parser.add_argument("--api-port", type=int, default=api_port, help=f"port of the API ({api_port})")
    choice = parser.add_mutually_exclusive_group()
    first = next(iter(faults), "")
    choice.add_argument("--broken", action="store_const", dest="fault", const=first, default="", help=f"start with the fault “{first}”")
    choice.add_argument("--fault", choices=list(faults), help="; ".join(f"{name}: {what}" for name, what in faults.items()))
    arguments = parser.parse_args(argv)
    for wanted in (arguments.port, arguments.api_port if api_port else 0):
        if wanted and not is_free(wanted):
            parser.error(f"port {wanted} is in use: stop what listens there, or choose another one")
    # SIGTERM ends the process the orderly way, so that temporary files are removed.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _exit)
    return Options(arguments.port, arguments.api_port if api_port else 0, arguments.fault or "")


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as candidate:
        # As servers do: a port whose last connections linger in TIME_WAIT is free.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


class _PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD from memory. A fixed set of paths cannot leave its folder."""

    protocol_version = "HTTP/1.1"
    server_version = "StaticPages/1.0"

    def __init__(self, *args, files: Mapping[str, tuple[str, bytes]], **kwargs) -> None:
        self.files = files
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in self.files:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        media_type, body = self.files[path]
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(
        self,
        format: str,  # noqa: A002 - the base class's name
        *args: object,
    ) -> None:
        """Keep quiet: the API's log is the interesting one."""


def built_files(directory: Path, values: Mapping[str, str]) -> dict[str, tuple[str, bytes]]:
    """Return URL path → (media type, content) of a folder, with each `%NAME%` replaced by its value.

    The replacement stands for a frontend's build step, which writes the API's address into the bundle.
    """
    files: dict[str, tuple[str, bytes]] = {}
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if file.suffix in TEXT_SUFFIXES:
            text = content.decode()
            for name, value in values.items():
                text = text.replace(f"%{name}%", value)
            content = text.encode()
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if file.suffix in TEXT_SUFFIXES:
            media_type += "; charset=utf-8"
        path = "/" + file.relative_to(directory).as_posix()
        files[path] = (media_type, content)
        if file.name == "index.html":
            files[path.removesuffix("index.html")] = files[path]
    return files


def serve_page(directory: Path, port: int, values: Mapping[str, str]) -> ThreadingHTTPServer:
    """Serve a built folder on a loopback port, in a thread that ends with the process."""
    handler = functools.partial(_PageHandler, files=built_files(directory, values))
    server = ThreadingHTTPServer((LOOPBACK, port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name=f"page-{port}", daemon=True).start()
    return server
