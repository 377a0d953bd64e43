"""Why there was no response: libcurl's codes and the system's errors as a `Failure` and a sentence a person can act on."""

import errno
import re
import socket
import ssl

import pycurl

from app.core.exchange import Failure
from app.net.addresses import RefusedAddress

# X509_V_ERR_* of OpenSSL, the numbers that libcurl and `ssl` report as the verify result.
WRONG_NAME = 62
CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is not trusted: self-signed",
    19: "is not trusted: its authority is unknown",
    20: "is not trusted: its authority is unknown, or an intermediate certificate is missing",
    21: "is not trusted: its authority is unknown, or an intermediate certificate is missing",
    WRONG_NAME: "is for another name",
    64: "is for another name",
}
# libcurl's codes that pycurl has no name for. Source: https://curl.se/libcurl/c/libcurl-errors.html
E_WEIRD_SERVER_REPLY = 8
E_TOO_LARGE = 100

TLS_CODES = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_SSL_ENGINE_NOTFOUND,
        pycurl.E_SSL_ENGINE_SETFAILED,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)


# What libraries raise that make the TLS handshake themselves, on a socket of ours; see `from_handshake`.
HandshakeError = ssl.SSLError


class NotConnected(OSError):
    """`Net.open_socket` got no connection, or the TLS handshake on it failed."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure
        self.text = text


def flooded(host: str) -> tuple[Failure, str]:
    """The header block did not end within the limits."""
    return Failure.PROTOCOL, f"{host} sends more headers than Seamwatch reads."


def seconds(value: float) -> str:
    """Write a time-out for people: "10 s", "0.5 s"."""
    return f"{value:g} s"


def unresolved(host: str) -> tuple[Failure, str]:
    """No address for the name."""
    return Failure.DNS, f"No host answers at {host}."


def unresolved_in_time(host: str, timeout_s: float) -> tuple[Failure, str]:
    """No name server answered in time."""
    return Failure.DNS, f"The name {host} leads to no address within {seconds(timeout_s)}."


def unaccepted(host: str, port: int, timeout_s: float) -> tuple[Failure, str]:
    """The connection was not accepted in time."""
    return Failure.TIMEOUT, f"{host} does not accept a connection on port {port} within {seconds(timeout_s)}."


def no_authorities() -> tuple[Failure, str]:
    """A fault of ours: the CA file is missing or is no PEM."""
    return Failure.CANCELLED, "Seamwatch cannot read its own list of certificate authorities."


def from_os_error(number: int, host: str, port: int) -> tuple[Failure, str]:
    """Explain an `errno` of a connection."""
    match number:
        case errno.ECONNREFUSED:
            return Failure.CONNECT, f"{host} refuses connections on port {port}."
        case errno.ENETUNREACH | errno.EHOSTUNREACH | errno.EADDRNOTAVAIL:
            return Failure.CONNECT, f"There is no route to {host}."
        case errno.ETIMEDOUT:
            return Failure.TIMEOUT, f"{host} does not accept a connection on port {port}."
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return Failure.CONNECT, f"{host} broke off the connection on port {port}."
        case _:
            return Failure.CONNECT, f"No connection to {host} on port {port}."


def from_certificate(verify_result: int, host: str, message: str) -> tuple[Failure, str]:
    """Explain a certificate that did not verify, by OpenSSL's X509_V_ERR_* number; `message` serves the rare ones."""
    return Failure.TLS, f"The certificate of {host} {CERTIFICATE_FAULTS.get(verify_result, f'is not trusted: {message}')}."


def from_handshake(error: ssl.SSLError, host: str, port: int) -> tuple[Failure, str]:
    """Explain a TLS handshake that Python's `ssl` gave up."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return from_certificate(error.verify_code, host, error.verify_message)
    return _from_tls_message(str(error), host, port)


def _from_tls_message(message: str, host: str, port: int) -> tuple[Failure, str]:
    lowered = message.lower()
    if any(sign in lowered for sign in ("wrong version number", "packet length too long", "http request", "record layer failure")):
        return Failure.TLS, f"{host} does not speak TLS on port {port}."
    if any(sign in lowered for sign in ("protocol version", "unsupported protocol", "handshake failure", "no protocols available")):
        return Failure.TLS, f"{host} and Seamwatch have no TLS version or cipher in common."
    if any(sign in lowered for sign in ("syscall", "eof", "reset", "unexpected")):
        return Failure.TLS, f"{host} broke off the TLS handshake on port {port}."
    reason = re.sub(r"^.*?error:[0-9A-Fa-f]+:[^:]*:[^:]*:", "", message).strip(" .")
    return Failure.TLS, f"The TLS handshake with {host} failed: {reason}."


def from_connect(error: OSError, host: str, port: int) -> tuple[Failure, str]:
    """Explain what `socket` or `asyncio` raised while connecting."""
    if isinstance(error, NotConnected):
        return error.failure, error.text
    if isinstance(error, RefusedAddress):
        return Failure.REFUSED_ADDRESS, str(error)
    if isinstance(error, socket.gaierror):
        return unresolved(host)
    if isinstance(error, ssl.SSLError):
        return from_handshake(error, host, port)
    return from_os_error(error.errno or 0, host, port)


def from_curl(code: int, message: str, host: str, port: int, *, os_errno: int, verify_result: int, scheme: str) -> tuple[Failure, str]:
    """Explain a libcurl error that came before the response's headers were complete. Time-outs are the caller's to tell."""
    if code in TLS_CODES:
        if code == pycurl.E_SSL_CACERT_BADFILE:
            return no_authorities()
        if code == pycurl.E_PEER_FAILED_VERIFICATION:
            if "subject name" in message:  # libcurl compares names itself, after the chain verified
                return from_certificate(WRONG_NAME, host, "")
            reason = re.sub(r"^.*verify result: |\s*\(\d+\)$", "", message)
            return from_certificate(verify_result, host, reason)
        return _from_tls_message(message, host, port)
    if code == E_WEIRD_SERVER_REPLY:
        return Failure.PROTOCOL, f"{host} answers with broken headers: {message[:80]}."
    if code == E_TOO_LARGE:  # one header line beyond libcurl's own limit of 100 kB
        return flooded(host)
    match code:
        case pycurl.E_COULDNT_RESOLVE_HOST | pycurl.E_COULDNT_RESOLVE_PROXY:
            return unresolved(host)
        case pycurl.E_URL_MALFORMAT:
            return Failure.INVALID_URL, "This is not an address that can be asked."
        case pycurl.E_COULDNT_CONNECT:
            return from_os_error(os_errno, host, port)
        case pycurl.E_GOT_NOTHING:
            return Failure.PROTOCOL, f"{host} closes the connection on port {port} without an answer."
        case pycurl.E_UNSUPPORTED_PROTOCOL:  # "Received HTTP/0.9 when not allowed"
            return Failure.PROTOCOL, f"{host} does not speak HTTP on port {port}."
        case pycurl.E_SEND_ERROR | pycurl.E_RECV_ERROR:
            if scheme == "https" and "ssl" in message.lower():
                return _from_tls_message(message, host, port)
            if "header" in message.lower():
                return Failure.PROTOCOL, f"{host} answers with broken headers: {message[:80]}."
            return from_os_error(os_errno or errno.ECONNRESET, host, port)
        case _:
            return Failure.PROTOCOL, f"The answer of {host} cannot be read: {message[:80]}."
