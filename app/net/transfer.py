"""One HTTP transfer as plain values: the URL and headers that go in, and the answer collected from libcurl's callbacks."""

import errno
import functools
import re
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit

import pycurl

from app.core.exchange import Failure, Head, Headers, Timing
from app.net import failures
from app.net.addresses import AddressPolicy, RefusedAddress

MAX_HEADER_BYTES = 64_000  # all header blocks of one answer, informational ones included
MAX_HEADER_LINES = 200  # of one block

NO_TIMING = Timing()
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Bodies that have no end: an event stream, a camera's pictures. The head says all.
ENDLESS = re.compile(r"content-type\s*:\s*(?:text/event-stream|multipart/x-mixed-replace)\b", re.IGNORECASE)
STATUS_LINE = re.compile(r"HTTP/(\d(?:\.\d)?) (\d{3})(?: ?(.*))?", re.DOTALL)
# libcurl is more lenient than a browser ("http:///x", "http://a\@b"), and the two must not disagree about the host.
HTTP_URL = re.compile(r"https?://(?P<authority>[^/?#\\\s]+)(?=[/?#]|$)", re.IGNORECASE)


# What is lacking when this machine cannot open a socket: nothing that a target is to blame for.
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
AS_IS = "".join(map(chr, range(0x21, 0x7F)))  # everything printable but the space
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Received:
    """What came back for one request. `failure` is None exactly when there is a `response`.

    A body that breaks off after the headers (time-out, reset, broken compression) is `truncated`, and `failure_text`
    says why; a body over the limit is `truncated` without a text.
    """

    response: Head | None = None
    reason: str = ""  # the reason phrase; empty over HTTP/2
    http_version: str = ""  # "1.0", "1.1", "2"
    body: bytes = field(default=b"", repr=False)  # decompressed, at most the limit
    truncated: bool = False
    failure: Failure | None = None
    failure_text: str = ""
    timing: Timing = NO_TIMING
    address: str = ""  # peer, "127.0.0.1:8000"
    certificate_ends: datetime | None = None  # aware UTC; of the server's own certificate, where it was asked for


@dataclass(frozen=True, slots=True)
class Identity:
    """A client certificate and its key: PEM texts, the key without a passphrase. They stay in memory."""

    certificate: str = field(repr=False)
    key: str = field(repr=False)


class BadIdentity(ValueError):
    """The client certificate, or its key, cannot be used; the text is for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart for the door: what libcurl is given, and what people are told."""

    url: bytes
    scheme: str
    host: str  # without brackets
    port: int
    authority: str  # as the Host header names it: the port only when it is not the scheme's own

    @classmethod
    @functools.lru_cache(maxsize=20_000)  # one for each monitor that one process checks
    def parse(cls, url: str) -> Self | None:
        """Take apart an absolute http(s) URL; None when it is none, or carries credentials."""
        found = HTTP_URL.match(url)
        if found is None or "@" in found["authority"] or CONTROL.search(url):
            return None
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            if not host or port == 0:
                return None
            host = host if host.isascii() else host.encode("idna").decode("ascii")
            # This build of libcurl sends bytes beyond ASCII as they stand; a browser percent-encodes them as UTF-8.
            rest = quote(url[found.end() :].partition("#")[0], safe=AS_IS)
        except ValueError:  # also the UnicodeError of the idna codec and of lone surrogates
            return None
        scheme = parts.scheme
        name = f"[{host}]" if ":" in host else host
        authority = name if port in (None, DEFAULT_PORTS[scheme]) else f"{name}:{port}"
        return cls(f"{scheme}://{authority}{rest}".encode("ascii"), scheme, host, port or DEFAULT_PORTS[scheme], authority)


def never_resolves(host: str) -> bool:
    """Whether resolvers "should always return immediate negative responses" (RFC 6761, section 6.4)."""
    return f".{host.lower()}".rstrip(".").endswith(".invalid")


class _Opened:
    """A socket on its way to libcurl, which duplicates the descriptor and drops this object; the original is closed then."""

    __slots__ = ("_socket",)

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened

    def fileno(self) -> int:
        return self._socket.fileno()

    def __del__(self) -> None:
        self._socket.close()


class Reply:
    """Collects one answer in libcurl's callbacks. Returning -1 from one ends the transfer."""

    __slots__ = (
        "body",
        "complete",
        "exhausted",
        "flood",
        "header_bytes",
        "lines",
        "max_body_bytes",
        "overflow",
        "permitted",
        "policy",
        "refused",
        "started",
        "status",
    )

    def __init__(self, policy: AddressPolicy, max_body_bytes: int) -> None:
        self.policy = policy
        self.max_body_bytes = max_body_bytes
        self.lines: list[str] = []  # of the current block: status line, then header lines
        self.body = bytearray()
        self.header_bytes = 0
        self.complete = False  # the last block's blank line was seen, and it was not informational
        self.status: re.Match[str] | None = None  # the status line of the last block
        self.flood = False
        self.overflow = False
        self.permitted = False  # at least one address passed the check
        self.refused = ""  # words of the last refusal
        self.exhausted = ""  # why this machine could not even open a socket

    def open_socket(self, _purpose: int, address: Any) -> _Opened | int:
        try:
            self.policy.check(address.addr[0], address.addr[1])
        except RefusedAddress as error:
            self.refused = str(error)
            return pycurl.SOCKET_BAD  # libcurl goes on to the next DNS answer
        self.permitted = True
        try:
            return _Opened(socket.socket(address.family, address.socktype, address.protocol))
        except OSError as error:
            if error.errno in OURS:
                self.exhausted = error.strerror or "out of resources"
            return pycurl.SOCKET_BAD

    def take_header(self, raw: bytes) -> int | None:
        self.header_bytes += len(raw)
        if self.header_bytes > MAX_HEADER_BYTES or len(self.lines) > MAX_HEADER_LINES:
            self.flood = True
            return -1
        if self.complete:
            return None  # trailers of a chunked body
        line = raw.decode("latin-1").rstrip("\r\n")
        if line:
            self.lines.append(line)
            return None
        status = STATUS_LINE.match(self.lines[0]) if self.lines else None
        if status and status[2].startswith("1") and status[2] != "101":
            self.lines.clear()  # 100 Continue, 103 Early Hints: the real answer follows
            return None
        self.complete, self.status = True, status
        for line in self.lines:
            if line[:1] in ("c", "C") and ENDLESS.match(line):
                self.overflow = True
                return -1
        return None

    def take_body(self, chunk: bytes) -> int | None:
        room = self.max_body_bytes - len(self.body)
        if len(chunk) > room:
            self.body += chunk[:room]
            self.overflow = True
            return -1
        self.body += chunk
        return None

    def head(self) -> tuple[Head, str, str] | None:
        """Return the head, the reason phrase and the HTTP version, once the header block is complete."""
        status = self.status
        if status is None:
            return None
        headers: list[tuple[str, str]] = []
        for line in self.lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name.rstrip(" \t"), value.strip(" \t")))
        return Head(int(status[2]), tuple(headers)), (status[3] or "").strip(), status[1]


CANCELLED = Received(failure=Failure.CANCELLED, failure_text="Cancelled.")
# Headers that libcurl would add by itself unless told otherwise.
_UNINVITED = ("Accept", "User-Agent", "Accept-Encoding", "Expect", "Content-Type")


@functools.lru_cache(maxsize=512)
def header_lines(headers: Headers) -> tuple[bytes, ...]:
    """Write headers as libcurl wants them: "name;" is an empty value, and "name:" takes a default out."""
    lines = []
    for name, value in headers:
        if not TOKEN.fullmatch(name):
            raise ValueError(f"not a header name: {name!r}")
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the value of {name} holds a line break")
        text = f"{name}: {value}" if value.strip() else f"{name};"
        try:
            lines.append(text.encode("latin-1"))
        except UnicodeEncodeError:
            lines.append(text.encode())
    given = {name.lower() for name, _ in headers}
    lines.extend(f"{name}:".encode() for name in _UNINVITED if name.lower() not in given)
    return tuple(lines)


def present(curl: pycurl.Curl, identity: Identity) -> None:
    """Show a client certificate in the TLS handshake.

    Raises:
        BadIdentity: the key has a passphrase, which nobody could type.
    """
    if "ENCRYPTED" in identity.key:
        raise BadIdentity("The client certificate's key has a passphrase. Store it without one.")
    curl.setopt(pycurl.SSLCERT_BLOB, identity.certificate)
    curl.setopt(pycurl.SSLKEY_BLOB, identity.key)
    curl.setopt(pycurl.KEYPASSWD, "")  # else OpenSSL may ask for one on the terminal, and wait


def conclude(
    curl: pycurl.Curl, reply: Reply, target: Target, code: int, message: str, timeout_s: float, connect_timeout_s: float
) -> Received:
    """Turn the end of a transfer into plain values."""
    ask = curl.getinfo
    timing = Timing(
        dns_ms=round(ask(pycurl.NAMELOOKUP_TIME) * 1000, 3),
        connect_ms=round(ask(pycurl.CONNECT_TIME) * 1000, 3),
        tls_ms=round(ask(pycurl.APPCONNECT_TIME) * 1000, 3),
        # libcurl fills this in for failed transfers too.
        first_byte_ms=round(ask(pycurl.STARTTRANSFER_TIME) * 1000, 3) if reply.lines else 0,
        total_ms=round(ask(pycurl.TOTAL_TIME) * 1000, 3),
    )
    address = endpoint(curl.getinfo(pycurl.PRIMARY_IP), curl.getinfo(pycurl.PRIMARY_PORT))
    head = reply.head()
    if head is not None:
        response, reason, version = head
        broken = code != pycurl.E_OK and not reply.overflow
        return Received(
            response=response,
            reason=reason,
            http_version=version,
            body=bytes(reply.body),
            truncated=reply.overflow or broken,
            failure_text=_broken_body(code, message, len(reply.body), timeout_s) if broken else "",
            timing=timing,
            address=address,
        )
    host, port = target.host, target.port
    if reply.flood:
        failure, text = failures.flooded(host)
    elif reply.exhausted:
        failure, text = Failure.CANCELLED, f"Seamwatch could not open a connection: {reply.exhausted}."
    elif reply.refused and not reply.permitted:
        failure, text = Failure.REFUSED_ADDRESS, reply.refused
    elif code == pycurl.E_OPERATION_TIMEDOUT:
        if timing.dns_ms == 0:
            failure, text = failures.unresolved_in_time(host, min(connect_timeout_s, timeout_s))
        elif timing.connect_ms == 0:
            failure, text = failures.unaccepted(host, port, min(connect_timeout_s, timeout_s))
        else:
            failure, text = Failure.TIMEOUT, f"{host} does not answer within {failures.seconds(timeout_s)}."
    else:
        failure, text = failures.from_curl(
            code,
            message,
            host,
            port,
            os_errno=curl.getinfo(pycurl.OS_ERRNO),
            verify_result=curl.getinfo(pycurl.SSL_VERIFYRESULT),
            scheme=target.scheme,
        )
    return Received(failure=failure, failure_text=text, timing=timing, address=address)


def certificate_ends(curl: pycurl.Curl) -> datetime | None:
    """Return until when the server's own certificate is valid; None without TLS. OPT_CERTINFO must have been set."""
    chain = curl.getinfo(pycurl.INFO_CERTINFO)
    text = next((value for name, value in chain[0] if name == "Expire date"), "") if chain else ""
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    except ValueError:
        return None


def endpoint(ip: str, port: int) -> str:
    """Write a peer's address: "127.0.0.1:8000", "[::1]:8000"; "" when there was none."""
    if not ip:
        return ""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _broken_body(code: int, message: str, read_bytes: int, timeout_s: float) -> str:
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return f"The body did not end within {failures.seconds(timeout_s)}; {read_bytes} bytes were read."
    if code == pycurl.E_BAD_CONTENT_ENCODING:
        return f"The body's Content-Encoding cannot be read: {message}."
    return f"The body broke off after {read_bytes} bytes."
