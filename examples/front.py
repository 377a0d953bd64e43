"""A reverse proxy in front of an example, as a fresh nginx or load balancer is: it speaks HTTP, and nothing else.

It forwards Host, X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host, ends TLS when it has a certificate, and drops
hop-by-hop headers (RFC 9110, section 7.6.1). Upgrade is one of them: no WebSocket gets through.
"""

import datetime
import http.client
import ipaddress
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from examples.serving import LOOPBACK

HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
UPSTREAM_TIMEOUT_S = 60  # a long poll of Socket.IO lasts 25 s
CERTIFICATE_DAYS = 30


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    upstream_port: int
    scheme = "http"
    tls: ssl.SSLContext | None = None

    def finish_request(self, request, client_address) -> None:
        """Shake hands in the connection's own thread, so that a silent client holds nobody up."""
        connection = cast(socket.socket, request)
        if self.tls is not None:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:  # ssl.SSLError is one
                return  # not TLS, or the client does not trust our authority: both are the client's to report
        try:
            super().finish_request(connection, client_address)
        except (ConnectionError, ssl.SSLError):
            pass  # the client is gone
        finally:
            connection.close()


class _FrontHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Front/1.0"
    sys_version = ""

    @property
    def front(self) -> _Front:
        return cast(_Front, self.server)

    def _forwarded(self) -> Iterator[tuple[str, str]]:
        host = self.headers.get("Host", "")
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP and not name.lower().startswith("x-forwarded-"):
                yield name, value
        yield "Connection", "close"
        yield "X-Forwarded-For", self.client_address[0]
        yield "X-Forwarded-Proto", self.front.scheme
        yield "X-Forwarded-Host", host

    def forward(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        upstream = http.client.HTTPConnection(LOOPBACK, self.front.upstream_port, timeout=UPSTREAM_TIMEOUT_S)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self._forwarded():
                upstream.putheader(name, value)
            upstream.endheaders(self.rfile.read(length) if length else None)
            answer = upstream.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.send_error(HTTPStatus.BAD_GATEWAY)
            return
        finally:
            upstream.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP and name.lower() != "content-length":
                self.send_header(name, value)
        if self.command == "HEAD":
            if (size := answer.getheader("Content-Length")) is not None:
                self.send_header("Content-Length", size)
        elif answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def log_message(
        self,
        format: str,  # noqa: A002 - the base class's name
        *args: object,
    ) -> None:
        """Keep quiet: the backend's log is the interesting one."""


def serve_front(port: int, upstream_port: int, certificate: "Certificate | None" = None) -> ThreadingHTTPServer:
    """Listen on a loopback port and forward to another one, in threads that end with the process."""
    server = _Front((LOOPBACK, port), _FrontHandler)
    server.upstream_port = upstream_port
    if certificate is not None:
        server.scheme = "https"
        server.tls = certificate.server_context()
    threading.Thread(target=server.serve_forever, name=f"front-{port}", daemon=True).start()
    return server


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for the loopback names, and the authority that signed it; all in PEM."""

    authority: bytes
    chain: bytes
    key: bytes

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:  # ssl reads key and chain from a file only
            file.write(self.key + self.chain)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def write_authority(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.authority)


def make_certificate() -> Certificate:
    """Make a certificate for localhost and 127.0.0.1 by an authority that exists for this one signature.

    The authority's key is never written and is gone when this returns: nobody can sign anything else with it, so
    trusting its certificate for a test is harmless.
    """
    now = datetime.datetime.now(datetime.UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Seamwatch examples, throw-away authority")])
    authority = (
        _builder(authority_name, authority_name, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
    leaf = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), authority_name, key, now)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return Certificate(
        authority=authority.public_bytes(pem),
        chain=leaf.public_bytes(pem),
        key=key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=CERTIFICATE_DAYS))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
