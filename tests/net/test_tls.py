import asyncio
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.exchange import Failure
from app.net import AddressPolicy, Net, NotConnected
from app.net.trust import client_context, default_ca_file
from tests.loopback import Serve

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
FAR_AHEAD = datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime.datetime(2020, 1, 1), FAR_AHEAD)  # noqa: DTZ001, naive is UTC here
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256())
    path = folder / "self.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def private_net(ca_file: str, **options) -> Net:
    return Net(AddressPolicy("private"), user_agent="x", ca_file=ca_file, **options)


async def test_trusted_certificate_is_accepted_by_requests_and_streams(serve: Serve, authority: trustme.CA, ca_file: str):
    server = await serve(OK, tls=server_context(authority.issue_cert("localhost")))
    async with private_net(ca_file) as net:
        received = await net.request("GET", f"https://localhost:{server.port}/")
        assert (received.body, received.failure) == (b"hi", None)
        assert 0 < received.timing.connect_ms <= received.timing.tls_ms <= received.timing.first_byte_ms
        reader, writer = await net.open_stream("localhost", server.port, tls=True)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.readexactly(len(OK)) == OK
        writer.transport.abort()


Broken = Callable[[trustme.CA, Path], ssl.SSLContext]


@pytest.mark.parametrize(
    ("context", "text"),
    [
        (lambda _ca, folder: self_signed(folder), "The certificate of localhost is not trusted: self-signed."),
        (lambda ca, _: server_context(ca.issue_cert("other.example")), "The certificate of localhost is for another name."),
        (
            lambda ca, _: server_context(ca.issue_cert("localhost", not_before=LONG_AGO, not_after=LONG_AGO + datetime.timedelta(days=9))),
            "The certificate of localhost has expired.",
        ),
        (
            lambda ca, _: server_context(
                ca.issue_cert("localhost", not_before=FAR_AHEAD, not_after=FAR_AHEAD + datetime.timedelta(days=9))
            ),
            "The certificate of localhost is not valid yet.",
        ),
        (
            lambda _ca, _: server_context(trustme.CA().issue_cert("localhost")),
            "The certificate of localhost is not trusted: its authority is unknown, or an intermediate certificate is missing.",
        ),
    ],
    ids=["self-signed", "wrong name", "expired", "not yet valid", "unknown authority"],
)
async def test_broken_certificate_is_told_in_the_same_words_by_requests_and_streams(
    serve: Serve, authority: trustme.CA, ca_file: str, tmp_path: Path, context: Broken, text: str
):
    server = await serve(OK, tls=context(authority, tmp_path))
    async with private_net(ca_file) as net:
        received = await net.request("GET", f"https://localhost:{server.port}/")
        assert (received.response, received.failure, received.failure_text) == (None, Failure.TLS, text)
        with pytest.raises(NotConnected) as refusal:
            await net.open_stream("localhost", server.port, tls=True)
        assert (refusal.value.failure, refusal.value.text) == (Failure.TLS, text)
    assert server.requests == []


async def test_certificate_for_a_name_does_not_serve_its_address(serve: Serve, authority: trustme.CA, ca_file: str):
    server = await serve(OK, tls=server_context(authority.issue_cert("localhost")))
    async with private_net(ca_file) as net:
        received = await net.request("GET", f"https://127.0.0.1:{server.port}/")
        assert received.failure_text == "The certificate of 127.0.0.1 is for another name."
        with pytest.raises(NotConnected, match=r"The certificate of 127.0.0.1 is for another name\."):
            await net.open_stream("127.0.0.1", server.port, tls=True)


async def test_name_given_by_resolve_is_the_name_on_the_certificate(serve: Serve, authority: trustme.CA, ca_file: str):
    server = await serve(OK, tls=server_context(authority.issue_cert("app.example")))
    async with private_net(ca_file, resolve={f"app.example:{server.port}": "127.0.0.1"}) as net:
        assert (await net.request("GET", f"https://app.example:{server.port}/")).body == b"hi"
        _, writer = await net.open_stream("app.example", server.port, tls=True)
        writer.transport.abort()


async def test_plain_http_behind_https_is_told_apart_from_a_bad_certificate(net: Net):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    received = await net.request("GET", f"https://127.0.0.1:{port}/")
    assert (received.failure, received.failure_text) == (Failure.TLS, f"127.0.0.1 does not speak TLS on port {port}.")
    with pytest.raises(NotConnected, match="does not speak TLS"):
        await net.open_stream("127.0.0.1", port, tls=True)
    listener.close()


async def test_handshake_that_breaks_off_or_hangs_is_a_result(net: Net):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for handler, failure, timeout_s in ((hang_up, Failure.TLS, 5), (hang, Failure.TIMEOUT, 0.3)):
        listener = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        received = await net.request("GET", f"https://127.0.0.1:{port}/", timeout_s=timeout_s)
        assert received.failure is failure
        with pytest.raises(NotConnected) as refusal:
            await net.open_stream("127.0.0.1", port, tls=True, timeout_s=timeout_s)
        assert refusal.value.failure is failure
        listener.close()


async def test_unreadable_list_of_authorities_is_told_as_a_fault_of_ours(serve: Serve, authority: trustme.CA, tmp_path: Path):
    server = await serve(OK, tls=server_context(authority.issue_cert("localhost")))
    (tmp_path / "empty.pem").write_text("nothing\n")
    text = "Seamwatch cannot read its own list of certificate authorities."
    for path in ("empty.pem", "missing.pem"):
        async with private_net(str(tmp_path / path)) as net:
            received = await net.request("GET", f"https://localhost:{server.port}/")
            assert (received.failure, received.failure_text) == (Failure.CANCELLED, text)
            with pytest.raises(NotConnected) as refusal:
                await net.open_stream("localhost", server.port, tls=True)
            assert (refusal.value.failure, refusal.value.text) == (Failure.CANCELLED, text)


def test_default_authorities_are_certifis_and_the_systems():
    path = default_ca_file()
    assert Path(path).stat().st_size > 100_000
    assert client_context(path).cert_store_stats()["x509_ca"] > 100


async def test_any_certificate_will_do_when_it_need_not_be_verified_and_only_then(serve: Serve, ca_file: str, tmp_path: Path):
    server = await serve(OK, tls=self_signed(tmp_path), keep=True)
    async with private_net(ca_file) as net:
        address = f"https://localhost:{server.port}/"
        assert (await net.request("GET", address, verify=False)).body == b"hi"
        # Its connection is open, and still no good for a request that asks for more.
        assert (await net.request("GET", address)).failure is Failure.TLS
