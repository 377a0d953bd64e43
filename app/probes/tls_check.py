"""A check of a TLS server: its certificate's end, name and chain, as a client that knows nothing sees them."""

import asyncio
import ipaddress
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from app.core.assertions import Assertion, Finding, Operator, Subject
from app.core.checked import Checked, judged
from app.core.checks import TlsCheck
from app.core.exchange import Failure, Timing
from app.net import Net, NotConnected
from app.net.chain import protocol, sent_chain
from app.net.failures import seconds
from app.net.trust import authorities
from app.probes.tools import Tools, failed

# X509_V_ERR_* of OpenSSL
_NOT_YET, _EXPIRED, _SELF_SIGNED, _UNKNOWN_ROOT = 9, 10, 18, 19
_NO_ISSUER = frozenset({20, 21})
_WRONG_NAME = frozenset({62, 64})

MAX_STEPS = 4  # up a chain that the server did not send whole
MAX_CERTIFICATE_BYTES = 100_000
_SHOWN_NAMES = 5
# What the library raises for what is no certificate to it; servers run with such ones, and OpenSSL takes most of them.
_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One handshake that was completed."""

    chain: tuple[x509.Certificate, ...]  # as sent, the server's own first
    version: str
    cipher: str
    timing: Timing


async def run(configured: TlsCheck, tools: Tools) -> Checked:
    """Shake hands as a client that verifies; when that fails for the certificate, once more without, to see what was sent."""
    name = configured.server_name or configured.host
    ends = time.monotonic() + tools.timeout_s
    try:
        async with asyncio.timeout(tools.timeout_s):
            try:
                seen = await _shake_hands(configured, tools.net, ends, verify=True)
            except NotConnected as error:
                code = getattr(error.__cause__, "verify_code", None)
                if code is None:
                    return failed(error.failure, error.text)
                return await _distrusted(configured, name, code, error, tools, ends)
    except TimeoutError:
        return failed(Failure.TIMEOUT, f"{configured.host} does not end the TLS handshake within {seconds(tools.timeout_s)}.")
    except _UNREADABLE:
        return failed(Failure.TLS, f"The certificate of {configured.host} cannot be read.")
    left = (seen.chain[0].not_valid_after_utc - tools.now) / timedelta(days=1)
    assertion = Assertion(Subject.CERTIFICATE, Operator.ABOVE, str(configured.days), warns=True)
    finding = Finding(assertion, left >= configured.days, f"{left:.1f}")
    outcome, cause, text = judged((finding,))
    if not finding.held:
        text = f"The certificate of {name} ends in {_days(left)}, on {_day(seen.chain[0].not_valid_after_utc)}."
    return Checked(outcome, cause, text, timing=seen.timing, findings=(finding,), facts=_facts(seen))


async def _shake_hands(configured: TlsCheck, net: Net, ends: float, *, verify: bool) -> _Seen:
    begun = time.monotonic()
    _, writer = await net.open_stream(
        configured.host,
        configured.port,
        tls=True,
        timeout_s=max(0.001, ends - begun),
        server_name=configured.server_name,
        verify=verify,
        http=False,
        own_protocol=True,  # a handshake is nothing that a server of another protocol could take for an order
    )
    took_ms = round((time.monotonic() - begun) * 1000, 3)
    try:
        chain = tuple(map(x509.load_der_x509_certificate, sent_chain(writer)))
        version, cipher = protocol(writer)
    finally:
        writer.transport.abort()
    if not chain:
        raise ValueError("a handshake without a certificate")
    return _Seen(chain, version, cipher, Timing(connect_ms=took_ms, tls_ms=took_ms, total_ms=took_ms))


async def _distrusted(configured: TlsCheck, name: str, code: int, error: NotConnected, tools: Tools, ends: float) -> Checked:
    """Say what is wrong with the certificate, with what the server sent before us."""
    try:
        seen = await _shake_hands(configured, tools.net, ends, verify=False)
    except NotConnected:  # it changed its mind; the first answer stands
        return failed(error.failure, error.text)
    own, last = seen.chain[0], seen.chain[-1]
    if code in _WRONG_NAME:
        names = _names(own)
        text = f"The certificate of {name} is for another name: {_listed(names)}." if names else error.text
    elif code == _EXPIRED:
        old = next((certificate for certificate in seen.chain if certificate.not_valid_after_utc < tools.now), own)
        ago = _days((tools.now - old.not_valid_after_utc) / timedelta(days=1))
        whose = f"The certificate of {name}" if old is own else f"The certificate of the authority “{_common_name(old.subject)}”"
        text = f"{whose} has expired on {_day(old.not_valid_after_utc)}, {ago} ago."
    elif code == _NOT_YET:
        text = f"The certificate of {name} is not valid before {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC."
    elif code == _SELF_SIGNED:
        text = f"The certificate of {name} is self-signed: no authority vouches for it."
    elif code == _UNKNOWN_ROOT:
        text = f"The certificate of {name} is not trusted: nobody knows its authority “{_common_name(last.subject)}”."
    elif code in _NO_ISSUER and (missing := await _missing(seen.chain, tools.net, ends)):
        text = f"The chain of {name} is incomplete: the server does not send the certificate of “{missing}”."
    elif code in _NO_ISSUER:
        text = (
            f"The certificate of {name} is not trusted: the server does not send the certificate of “{_common_name(last.issuer)}”, "
            "and nobody knows that authority."
        )
    else:
        text = error.text
    return replace(failed(Failure.TLS, text), timing=seen.timing, facts=_facts(seen))


async def _missing(chain: tuple[x509.Certificate, ...], net: Net, ends: float) -> str:
    """Return whose certificate the server should have sent; "" when no chain leads to an authority that is trusted.

    As browsers do, it is fetched from where the certificate says (RFC 5280, 4.2.2.1).
    """
    top = _top(chain)
    missing = _common_name(top.issuer)
    roots = authorities(net.ca_file)
    for _ in range(MAX_STEPS):
        if any(_issued(top, root) for root in roots.get(top.issuer.public_bytes(), ())):
            return missing
        issuer = await _fetched_issuer(top, net, ends)
        if issuer is None:
            return ""
        top = issuer
    return ""


def _top(chain: tuple[x509.Certificate, ...]) -> x509.Certificate:
    """Return the certificate at which the way up from the server's own one ends."""
    top, rest = chain[0], list(chain[1:])
    while issuer := next((certificate for certificate in rest if certificate.subject == top.issuer), None):
        rest.remove(issuer)
        top = issuer
    return top


async def _fetched_issuer(certificate: x509.Certificate, net: Net, ends: float) -> x509.Certificate | None:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return None
    addresses = [
        entry.access_location.value
        for entry in access
        if entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(entry.access_location, x509.UniformResourceIdentifier)
    ]
    for address in addresses[:1]:
        received = await net.request("GET", address, timeout_s=max(0.001, ends - time.monotonic()), max_body_bytes=MAX_CERTIFICATE_BYTES)
        try:
            issuer = x509.load_der_x509_certificate(received.body)
        except _UNREADABLE:
            return None
        return issuer if _issued(certificate, issuer) else None
    return None


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # whatever the library raises for a name, a signature or an algorithm that does not fit
        return False
    return True


def _facts(seen: _Seen) -> tuple[tuple[str, str], ...]:
    own = seen.chain[0]
    return (
        ("certificate ends", f"{own.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"),
        ("certificate for", _listed(_names(own)) or _common_name(own.subject)),
        ("issued by", _common_name(own.issuer)),
        ("chain sent", " ← ".join(_common_name(certificate.subject) for certificate in seen.chain[:6])),
        ("key", _key(own)),
        ("protocol", f"{seen.version}, {seen.cipher}".strip(", ")),
    )


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return []
    found = [str(name.value) for name in names if isinstance(name, x509.DNSName)]
    return found + [str(name.value) for name in names if isinstance(name, x509.IPAddress) and isinstance(name.value, _ADDRESSES)]


_ADDRESSES = (ipaddress.IPv4Address, ipaddress.IPv6Address)


def _common_name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)[:120]
    return name.rfc4514_string()[:120]


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except _UNREADABLE:
        return "of a kind that Seamwatch does not know"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return (
        f"ECDSA {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.strip("_").removesuffix("PublicKey")
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _days(days: float) -> str:
    if days < 1:
        return f"{max(0, round(days * 24))} hours"
    return "1 day" if int(days) == 1 else f"{int(days)} days"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
