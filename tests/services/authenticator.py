"""A small authenticator in software: it answers the options of a ceremony as a browser with a passkey would, or wrongly where told."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN, RP_ID = "http://localhost:3000", "localhost"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40  # flags of authenticator data


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "===")


@dataclass
class Authenticator:
    """One credential on an ES256 key."""

    origin: str = ORIGIN
    rp_id: str = RP_ID
    verified: bool = True  # whether the user is verified, by PIN, finger or face
    present: bool = True
    count: int | None = 0  # signature counter, one more at each use; None stays at 0, as passkeys that are synchronised do
    cross_origin: bool = False
    credential_id: bytes = field(default_factory=lambda: os.urandom(16))
    handle: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """Answer the options of `navigator.credentials.create()`."""
        self.handle = decode(options["user"]["id"])
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.public_key()
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + attested})
        response = {
            "clientDataJSON": encode(self._client_data("webauthn.create", options)),
            "attestationObject": encode(attestation),
            "transports": ["internal", "hybrid", "carrier pigeon"],
        }
        return self._credential({**response, **changed})

    def show(self, options: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """Answer the options of `navigator.credentials.get()`."""
        client_data, data = self._client_data("webauthn.get", options), self._data()
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": encode(self.handle),
        }
        return self._credential({**response, **changed})

    def public_key(self) -> bytes:
        point = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": self.cross_origin}
        return json.dumps(said).encode()

    def _data(self, flags: int = 0) -> bytes:
        if self.count is not None:
            self.count += 1
        flags |= PRESENT * self.present | VERIFIED * self.verified
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + (self.count or 0).to_bytes(4, "big")

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        known = encode(self.credential_id)
        return {"id": known, "rawId": known, "type": "public-key", "authenticatorAttachment": "platform", "response": response}
