"""Checks of certificates, against real handshakes with every kind of broken chain."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from app.core.checked import Checked
from app.core.checks import TlsCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import tls_check
from app.probes.tools import Tools
from tests.loopback import Listen, Serve

NOW = datetime.now(UTC)


@dataclass
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    name: str,
    by: Issued | None = None,
    *,
    authority: bool = False,
    days: float = 90,
    since: float = -1,
    at: str = "",
    host: str = "",
    names: x509.ExtensionType | None = None,
) -> Issued:
    """Issue a certificate, self-signed without `by`; `at` is where its issuer's certificate can be fetched."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=since))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if by:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
    if authority:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(names or x509.SubjectAlternativeName([x509.DNSName(host or name)]), critical=False)
    if at:
        place = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(at))
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


Start = Callable[..., Awaitable[int]]


@pytest.fixture
def start(tmp_path: Path, listen: Listen) -> Start:
    """Start a TLS server that sends these certificates. Returns its port."""
    numbers = itertools.count()

    async def run(own: Issued, *chain: Issued, version: ssl.TLSVersion | None = None) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version:
            context.maximum_version = version
        key = own.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = tmp_path / f"{next(numbers)}.pem"
        path.write_bytes(key + own.pem + b"".join(issued.pem for issued in chain))
        context.load_cert_chain(path)

        return await listen(silent, tls=context)

    return run


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


ROOT = issue("Test Root", authority=True, days=3650)
MIDDLE = issue("Test Intermediate", ROOT, authority=True, days=1000)


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[Net]:
    """A Net that trusts the test's root."""
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    async with Net(AddressPolicy("private"), user_agent="x", ca_file=str(tmp_path / "ca.pem")) as net:
        yield net


async def run(net: Net, port: int, *, days: int = 14, server_name: str = "", timeout_s: float = 5, host: str = "localhost") -> Checked:
    return await tls_check.run(TlsCheck(host, port, server_name, days), Tools(net, timeout_s, NOW))


async def test_a_whole_chain_is_up_and_its_facts_are_told(trusting: Net, start: Start):
    found = await run(trusting, await start(issue("localhost", MIDDLE), MIDDLE))
    assert (found.outcome, found.text) == (Outcome.UP, "")
    facts = dict(found.facts)
    assert facts["certificate ends"] == f"{NOW + timedelta(days=90):%Y-%m-%d %H:%M} UTC"
    assert facts["certificate for"] == "localhost"
    assert facts["issued by"] == "Test Intermediate"
    assert facts["chain sent"] == "localhost ← Test Intermediate"
    assert facts["key"] == "ECDSA secp256r1"
    assert facts["protocol"].startswith("TLSv1.3, TLS_")
    assert found.timing is not None
    assert found.timing.tls_ms > 0


async def test_the_version_that_was_agreed_on_is_told(trusting: Net, start: Start):
    found = await run(trusting, await start(issue("localhost", MIDDLE), MIDDLE, version=ssl.TLSVersion.TLSv1_2))
    assert dict(found.facts)["protocol"].startswith("TLSv1.2, ")


async def test_a_certificate_that_ends_soon_warns(trusting: Net, start: Start):
    port = await start(issue("localhost", MIDDLE, days=9.5), MIDDLE)
    found = await run(trusting, port)
    assert (found.outcome, found.cause) == (Outcome.DEGRADED, Cause.ASSERTION)
    assert found.text == f"The certificate of localhost ends in 9 days, on {NOW + timedelta(days=9.5):%Y-%m-%d}."
    assert found.findings[0].found == "9.5"
    assert (await run(trusting, port, days=9)).outcome is Outcome.UP
    soon = await run(trusting, await start(issue("localhost", MIDDLE, days=0.5), MIDDLE))
    assert "ends in 12 hours" in soon.text


async def test_a_name_other_than_the_hosts_can_be_asked_for(trusting: Net, start: Start):
    port = await start(issue("shop.example", MIDDLE), MIDDLE)
    assert (await run(trusting, port, server_name="shop.example")).outcome is Outcome.UP
    found = await run(trusting, port)
    assert (found.outcome, found.cause, found.text) == (
        Outcome.DOWN,
        Cause.TLS,
        "The certificate of localhost is for another name: shop.example.",
    )
    assert dict(found.facts)["certificate for"] == "shop.example"


async def test_what_is_wrong_with_a_certificate_is_told_apart(trusting: Net, start: Start):
    stranger = issue("Strange Root", authority=True)
    old = issue("Old Intermediate", ROOT, authority=True, days=-2, since=-100)
    cases = {
        "The certificate of localhost is self-signed: no authority vouches for it.": (issue("localhost"),),
        f"The certificate of localhost has expired on {NOW - timedelta(days=3.5):%Y-%m-%d}, 3 days ago.": (
            issue("localhost", MIDDLE, days=-3.5, since=-50),
            MIDDLE,
        ),
        f"The certificate of the authority “Old Intermediate” has expired on {NOW - timedelta(days=2):%Y-%m-%d}, 2 days ago.": (
            issue("localhost", old),
            old,
        ),
        f"The certificate of localhost is not valid before {NOW + timedelta(days=5):%Y-%m-%d %H:%M} UTC.": (
            issue("localhost", MIDDLE, since=5),
            MIDDLE,
        ),
        "The certificate of localhost is not trusted: nobody knows its authority “Strange Root”.": (issue("localhost", stranger), stranger),
        "The certificate of localhost is not trusted: the server does not send the certificate of “Strange Root”, "
        "and nobody knows that authority.": (issue("localhost", stranger),),
    }
    for text, (own, *chain) in cases.items():
        found = await run(trusting, await start(own, *chain))
        assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.TLS, text)
        assert dict(found.facts)["chain sent"].startswith("localhost")


async def test_an_intermediate_that_is_not_sent_is_an_incomplete_chain(trusting: Net, start: Start, serve: Serve):
    body = MIDDLE.certificate.public_bytes(serialization.Encoding.DER)
    server = await serve(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    port = await start(issue("localhost", MIDDLE, at=f"{server.url}middle.crt"))
    found = await run(trusting, port)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TLS)
    assert found.text == "The chain of localhost is incomplete: the server does not send the certificate of “Test Intermediate”."
    assert server.requests[0].startswith(b"GET /middle.crt ")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"])
async def test_an_intermediate_that_cannot_be_had_leaves_the_authority_unknown(trusting: Net, start: Start, serve: Serve, answer: bytes):
    server = await serve(answer)
    found = await run(trusting, await start(issue("localhost", MIDDLE, at=server.url)))
    assert "and nobody knows that authority" in found.text


async def test_what_is_no_tls_is_told_as_such(net: Net, listen: Listen):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    port = await listen(talk)
    found = await run(net, port)
    assert (found.outcome, found.cause, found.text) == (Outcome.DOWN, Cause.TLS, f"localhost does not speak TLS on port {port}.")


async def test_a_server_that_hangs_is_a_time_out_and_one_that_is_not_there_is_no_connection(net: Net, listen: Listen):
    found = await run(net, await listen(silent), timeout_s=0.2)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)
    assert (await run(net, 1)).cause is Cause.CONNECT
    assert (await run(net, 1, host="169.254.169.254")).cause is Cause.REFUSED_ADDRESS


def test_a_name_with_a_line_break_is_none():
    with pytest.raises(ValueError, match="host name"):
        TlsCheck("localhost", server_name="x\r\nMAIL FROM:<a@b.example>")


async def test_a_list_of_authorities_that_cannot_be_read_is_no_fault_of_the_target(start: Start, tmp_path: Path):
    (tmp_path / "ca.pem").write_text("nothing")
    async with Net(AddressPolicy("private"), user_agent="x", ca_file=str(tmp_path / "ca.pem")) as net:
        found = await run(net, await start(issue("localhost", MIDDLE), MIDDLE))
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.OURSELVES)


async def test_a_certificate_that_the_library_cannot_read_whole_is_told_of_all_the_same(trusting: Net, start: Start):
    """Among its names is an x400Address, which RFC 5280, 4.2.1.6, knows, OpenSSL takes, and the library does not."""
    localhost = b"\x82\x09localhost"
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x0f" + localhost + b"\xa3\x02\x05\x00")
    for by, outcome, text in (
        (MIDDLE, Outcome.UP, ""),
        (None, Outcome.DOWN, "The certificate of localhost is self-signed: no authority vouches for it."),
    ):
        found = await run(trusting, await start(issue("localhost", by, names=names), *filter(None, [by])))
        assert (found.outcome, found.text) == (outcome, text)
        assert dict(found.facts)["certificate for"] == "localhost"  # its subject: the names cannot be read
