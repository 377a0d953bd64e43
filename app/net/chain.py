"""The certificates that a TLS server sends."""

import asyncio
from typing import Any

_DER = 2  # _ssl.ENCODING_DER


def sent_chain(writer: asyncio.StreamWriter) -> tuple[bytes, ...]:
    """Return the server's certificates in DER as it sent them, its own first; verified or not."""
    connection: Any = writer.get_extra_info("ssl_object")
    if hasattr(connection, "get_unverified_chain"):  # since Python 3.13
        return tuple(connection.get_unverified_chain())
    # Before, it stands only in what the public object wraps.
    return tuple(certificate.public_bytes(_DER) for certificate in connection._sslobj.get_unverified_chain() or ())


def protocol(writer: asyncio.StreamWriter) -> tuple[str, str]:
    """Return the version and the cipher of a TLS connection: ("TLSv1.3", "TLS_AES_256_GCM_SHA384")."""
    connection: Any = writer.get_extra_info("ssl_object")
    cipher = connection.cipher()
    return connection.version() or "", cipher[0] if cipher else ""
