"""The certificate authorities that outgoing TLS connections trust: one PEM file for libcurl and for `ssl` alike."""

import atexit
import functools
import os
import re
import ssl
import tempfile
from pathlib import Path

import certifi
from cryptography import x509

# Where distributions keep their bundle; OpenSSL's own default comes first and differs between builds of Python.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@functools.cache
def default_ca_file() -> str:
    """Return a PEM file of certifi's authorities and the system's, where an operator adds a company's own.

    One merged file, rather than certifi's file and the system's directory: libcurl keeps parsed authorities between
    connections only when they come from a single file, and parsing them costs more than the rest of a request.
    """
    certifi_file = certifi.where()
    openssl_file = ssl.get_default_verify_paths().openssl_cafile
    system_file = next((path for path in (openssl_file, *SYSTEM_BUNDLES) if Path(path).is_file()), None)
    if system_file is None:
        return certifi_file
    ours, theirs = _certificates(certifi_file), _certificates(system_file)
    if ours <= theirs:
        return system_file
    if theirs <= ours:
        return certifi_file
    handle, merged = tempfile.mkstemp(prefix="seamwatch-ca-", suffix=".pem")
    with os.fdopen(handle, "wb") as file:
        file.write(b"\n".join(sorted(ours | theirs)) + b"\n")
    atexit.register(Path(merged).unlink, missing_ok=True)
    return merged


def _certificates(path: str) -> set[bytes]:
    return {pem.replace(b"\r\n", b"\n") for pem in CERTIFICATE.findall(Path(path).read_bytes())}


@functools.lru_cache(maxsize=8)
def client_context(ca_file: str, *, verify: bool = True, http: bool = True) -> ssl.SSLContext:
    """Return the TLS settings for connections that libcurl does not make: verified, HTTP/1.1 only, unless asked otherwise."""
    context = ssl.create_default_context(cafile=ca_file)
    if http:
        context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@functools.lru_cache(maxsize=2)
def authorities(ca_file: str) -> dict[bytes, tuple[x509.Certificate, ...]]:
    """Return the trusted authorities by the DER of their names."""
    found: dict[bytes, tuple[x509.Certificate, ...]] = {}
    for pem in _certificates(ca_file):
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            name = certificate.subject.public_bytes()
        except ValueError:  # one that this library is too strict for
            continue
        found[name] = (*found.get(name, ()), certificate)
    return found
