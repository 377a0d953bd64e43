"""The two ceremonies of WebAuthn, verified by the library `webauthn`: a passkey is made, and a passkey is shown.

Each challenge is the key of a single-use row that says what it is for and which browser asked for it. The user must always be
verified (PIN, fingerprint, face): only then is a passkey two factors in one.

Source: https://www.w3.org/TR/webauthn-3/, sections 7.1 and 7.2.
"""

import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, decode_credential_public_key, decoded_public_key_to_cryptography
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.services import ceremonies
from app.services.errors import Forbidden
from app.settings import settings

TIMEOUT_MS = 300_000  # how long a browser waits for the user; the least that WebAuthn recommends where the user is verified
MAX_CREDENTIAL_ID_BYTES = 1023  # WebAuthn, 7.1: longer ones are refused
MAX_ANSWER_CHARS = 64_000

STALE = "This request was used already or is older than ten minutes. Start again."
UNVERIFIED = "Your device did not check that it is you. Set a PIN, a fingerprint or a face on it, then try again."

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Purpose(StrEnum):
    ADD = "add"
    SECOND_FACTOR = "second_factor"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Known:
    """A passkey that is stored here."""

    credential_id: bytes
    transports: str  # parted by spaces


@dataclass(frozen=True, slots=True)
class Made:
    credential_id: bytes
    public_key: bytes  # COSE
    sign_count: int
    transports: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser says that a passkey answered, to a challenge of ours; nothing else of it is verified yet."""

    credential: dict[str, Any]
    challenge: bytes
    credential_id: bytes
    user_handle: bytes | None


def rp_id() -> str:
    """Return the relying party's id, which passkeys are bound to: the host of SEAMWATCH_PUBLIC_URL."""
    return urlsplit(settings().public_url).hostname or ""


def _unverifiable(what: str) -> Forbidden:
    return Forbidden(f"{what} could not be verified. Open Seamwatch at {settings().public_url} and try again.")


async def begin_making(bound_to: str, *, handle: bytes, account: str, name: str, known: Sequence[Known]) -> dict[str, Any]:
    """Return the options for `navigator.credentials.create()`, as JSON with base64url.

    Args:
        bound_to: the session; only it can finish.
        handle: the user's handle, which a passkey gives back when it is shown without a name.
        account: what the browser lists the passkey under.
        name: the user's.
        known: the user's passkeys, none of which is made a second time.
    """
    challenge = await _challenge(Purpose.ADD, bound_to)
    options = webauthn.generate_registration_options(
        rp_id=rp_id(),
        rp_name="Seamwatch",
        user_id=handle,
        user_name=account or "Seamwatch",
        user_display_name=name,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return options_to_json_dict(options)


async def begin_showing(purpose: Purpose, bound_to: str, known: Sequence[Known] = ()) -> dict[str, Any]:
    """Return the options for `navigator.credentials.get()`, as JSON with base64url. Without `known`, any passkey for this host."""
    options = webauthn.generate_authentication_options(
        rp_id=rp_id(),
        challenge=await _challenge(purpose, bound_to),
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


async def _challenge(purpose: Purpose, bound_to: str) -> bytes:
    challenge = secrets.token_bytes(32)
    await ceremonies.begin(_key(challenge), {"purpose": purpose.value, "bound_to": bound_to})
    return challenge


def _key(challenge: bytes) -> str:
    return f"webauthn:{bytes_to_base64url(challenge)}"


def _descriptors(known: Sequence[Known]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=one.credential_id, transports=[AuthenticatorTransport(word) for word in one.transports.split()])
        for one in known
    ]


async def answer(credential: object, purpose: Purpose, bound_to: str) -> Answer:
    """Read what a browser sent, and use its challenge up, whatever becomes of it.

    Raises:
        Forbidden: when it cannot be read, or when its challenge is not one of ours for this purpose and this browser.
    """
    read = _read(credential)
    if read is None:
        raise _unverifiable("The browser's answer")
    begun = await ceremonies.take(_key(read.challenge))
    if begun != {"purpose": purpose.value, "bound_to": bound_to}:
        raise Forbidden(STALE)
    return read


def _read(credential: object) -> Answer | None:
    try:
        if not isinstance(credential, dict) or len(json.dumps(credential)) > MAX_ANSWER_CHARS:
            return None
        response = credential["response"]
        client_data = json.loads(base64url_to_bytes(response["clientDataJSON"]))
        # A frame of another origin asked. Nobody may frame us, so no such answer is meant; the library does not look at it.
        if client_data.get("crossOrigin") or client_data.get("topOrigin"):
            return None
        handle = response.get("userHandle")
        return Answer(
            credential,
            base64url_to_bytes(client_data["challenge"]),
            base64url_to_bytes(credential["rawId"]),
            base64url_to_bytes(handle) if handle else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def verify_made(given: Answer) -> Made:
    """Verify a new passkey.

    Raises:
        Forbidden: with what the user can do.
    """

    def verify() -> tuple[VerifiedRegistration, list[str]]:
        verified = webauthn.verify_registration_response(
            credential=given.credential,
            expected_challenge=given.challenge,
            expected_rp_id=rp_id(),
            expected_origin=list(settings().allowed_origins),
        )
        # The library does not look at the key before it is used. One that is no point of its curve would lock its owner out.
        decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))
        named = given.credential["response"].get("transports") or []
        return verified, [word.value for word in AuthenticatorTransport if word.value in named]

    verified, transports = _verified(verify, "This new passkey")
    if not verified.user_verified:
        raise Forbidden(UNVERIFIED)
    if len(verified.credential_id) > MAX_CREDENTIAL_ID_BYTES:
        raise _unverifiable("This new passkey")
    return Made(verified.credential_id, verified.credential_public_key, verified.sign_count, " ".join(transports))


def verify_shown(given: Answer, public_key: bytes) -> int:
    """Verify that a stored passkey was shown, and return its new count. Whether that went up is for the caller to judge.

    Raises:
        Forbidden: with what the user can do.
    """

    def verify() -> VerifiedAuthentication:
        return webauthn.verify_authentication_response(
            credential=given.credential,
            expected_challenge=given.challenge,
            expected_rp_id=rp_id(),
            expected_origin=list(settings().allowed_origins),
            credential_public_key=public_key,
            # The library compares counts before it checks the signature; a count is evidence of a copy only behind a signature.
            credential_current_sign_count=0,
        )

    verified = _verified(verify, "This passkey")
    if not verified.user_verified:
        raise Forbidden(UNVERIFIED)
    return verified.new_sign_count


def _verified(verify: Callable[[], T], what: str) -> T:
    try:
        return verify()
    except Exception as error:  # parsers of JSON, CBOR, COSE and X.509 on what a client sent: whatever they raise means no
        logger.info("a passkey's answer was refused: %r", error)
        raise _unverifiable(what) from error
