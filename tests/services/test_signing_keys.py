"""Signing keys: made once, sealed, rotated while tokens live; and every forgery that is known of JWTs."""

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from sqlmodel import col, select, update

from app import db
from app.models import SigningKey, now
from app.services import access_tokens, signing_keys
from app.services.access import Scope
from app.services.errors import Unauthenticated
from app.services.signing_keys import OVERLAP, BadSignature
from app.settings import settings

pytestmark = pytest.mark.usefixtures("database")
ANY = JWSRegistry(algorithms=["ES256", "ES384"], strict_check_header=False)


def b64(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, payload, signature = token.split(".")
    read = [json.loads(urlsafe_b64decode(part + "==")) for part in (header, payload)]
    return read[0], read[1], signature


async def good(**changes: Any) -> str:
    """Return an access token by our key with these claims changed; None takes one out."""
    claims = parts((await access_tokens.mint("user", "client", "grant", frozenset({Scope.SCANS_READ}), now() + timedelta(days=1)))[0])[1]
    return await signing_keys.sign({name: value for name, value in (claims | changes).items() if value is not None})


async def ours() -> tuple[str, ECKey]:
    """Return the kid and the private key that sign now."""
    await signing_keys.ready()
    (key,) = [key for key in signing_keys._ring if key.retired_at is None]
    return key.kid, key.key


def forged(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    return jwt.encode(header, claims, key, registry=ANY, default_type=None)


async def rows() -> list[SigningKey]:
    async with db.reading() as session:
        return list((await session.exec(select(SigningKey).order_by(col(SigningKey.created_at)))).all())


async def refused(token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await access_tokens.read(token)
    return caught.value.message


# Keys


async def test_the_first_need_makes_a_key_and_only_one_however_many_ask_at_once():
    assert await signing_keys.jwks() == {"keys": []}
    await asyncio.gather(*(signing_keys.sign({"a": number}) for number in range(8)))
    assert len(await rows()) == 1


async def test_the_private_half_is_sealed_for_its_row_and_never_published():
    await signing_keys.ready()
    (row,) = await rows()
    (public,) = (await signing_keys.jwks())["keys"]
    assert public.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (public["kid"], public["alg"], public["crv"]) == (row.kid, "ES256", "P-256")
    private = ECKey.import_key((await ours())[1].as_dict(private=True)).as_dict(private=True)["d"]
    assert isinstance(private, str)
    assert private not in row.sealed_jwk


async def test_whoever_has_the_published_keys_can_check_a_token():
    token = await good()
    published = (await signing_keys.jwks())["keys"][0]
    key = ECKey.import_key(published)
    assert not key.is_private
    assert jwt.decode(token, key, algorithms=["ES256"]).claims["sub"] == "user"


async def test_after_a_rotation_the_new_key_signs_and_what_the_old_one_signed_counts_on():
    before = await good()
    kid = await signing_keys.rotate()
    after = await good()
    assert parts(after)[0]["kid"] == kid != parts(before)[0]["kid"]
    assert (await access_tokens.read(before)).subject == (await access_tokens.read(after)).subject == "user"
    assert len((await signing_keys.jwks())["keys"]) == 2


async def test_a_retired_key_verifies_as_long_as_what_it_signed_can_live_and_is_removed_then():
    before = await good()
    await signing_keys.rotate()
    async with db.transaction() as session:
        await session.exec(update(SigningKey).where(col(SigningKey.retired_at).is_not(None)).values(retired_at=now() - OVERLAP))
    signing_keys.forget()
    assert await refused(before) == access_tokens.NOT_OURS
    assert len((await signing_keys.jwks())["keys"]) == 1
    assert await signing_keys.purge() == 1
    assert await signing_keys.purge() == 0


async def test_a_compromised_key_verifies_nothing_any_more():
    before = await good()
    await signing_keys.rotate(compromised=True)
    assert await refused(before) == access_tokens.NOT_OURS
    assert await access_tokens.read(await good())


async def test_a_key_that_another_process_made_counts_at_once(monkeypatch: pytest.MonkeyPatch):
    await good()
    known = signing_keys._ring, signing_keys._fresh_until
    await signing_keys.rotate()
    token = await good()
    monkeypatch.setattr(signing_keys, "_ring", known[0])  # as a process that has not heard of it
    monkeypatch.setattr(signing_keys, "_fresh_until", known[1])
    assert await access_tokens.read(token)


async def test_without_the_vaults_key_a_new_one_signs(database: Path):
    before = await good()
    (database / "vault_keys").unlink()
    signing_keys.forget()
    assert await access_tokens.read(await good())
    assert await refused(before) == access_tokens.NOT_OURS
    assert len(await rows()) == 2


# Forgeries


async def test_a_token_of_ours_says_what_it_must():
    token = await good()
    header, claims, _ = parts(token)
    assert header == {"alg": "ES256", "kid": (await ours())[0], "typ": "at+jwt"}
    assert claims.keys() == {"iss", "aud", "sub", "client_id", "sid", "scope", "iat", "nbf", "exp", "jti"}
    assert (claims["iss"], claims["aud"]) == (settings().public_url, f"{settings().public_url}/api/v1")
    assert claims["exp"] - claims["iat"] == 600
    read = await access_tokens.read(token)
    assert (read.subject, read.client, read.grant, read.scopes) == ("user", "client", "grant", {Scope.SCANS_READ})


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "ES384", "RS256", None, 5, ["ES256"]])
async def test_a_token_of_another_algorithm_is_refused(algorithm: Any):
    header, claims, signature = parts(await good())
    for end in ("", signature):
        assert await refused(f"{b64(header | {'alg': algorithm})}.{b64(claims)}.{end}") == access_tokens.NOT_OURS


async def test_our_public_key_is_no_shared_secret():
    header, claims, _ = parts(await good())
    kid, key = await ours()
    public = key.as_dict(private=False)
    secrets = (key.as_pem(private=False), key.as_der(private=False), json.dumps(public).encode(), str(public["x"]).encode(), kid.encode())
    for secret in secrets:
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            signed = f"{b64(header | {'alg': algorithm})}.{b64(claims)}"
            assert await refused(f"{signed}.{b64(hmac.digest(secret, signed.encode(), digest))}") == access_tokens.NOT_OURS
            # And as if it were ES256.
            signed = f"{b64(header)}.{b64(claims)}"
            assert await refused(f"{signed}.{b64(hmac.digest(secret, signed.encode(), digest))}") == access_tokens.NOT_OURS


async def test_another_key_that_claims_our_kid_is_refused():
    header, claims, _ = parts(await good())
    for curve in ("P-256", "P-384"):
        key = ECKey.generate_key(curve, {"kid": header["kid"]})
        alg = {"P-256": "ES256", "P-384": "ES384"}[curve]
        assert await refused(forged(header | {"alg": alg}, claims, key)) == access_tokens.NOT_OURS


async def test_a_token_without_a_kid_or_with_an_unknown_one_is_refused():
    header, claims, _ = parts(await good())
    _, key = await ours()
    for kid in ("", "unknown", "../../../dev/null", "' OR 1=1 --", "x" * 65, None, 5, [header["kid"]]):
        assert await refused(f"{b64(header | {'kid': kid})}.{b64(claims)}.{'A' * 86}") == access_tokens.NOT_OURS
    del header["kid"]
    assert await refused(forged(header, claims, key)) == access_tokens.NOT_OURS


@pytest.mark.parametrize("typ", ["JWT", "jwt", "", "AT+JWT", "application/at+jwt", "dpop+jwt", None])
async def test_a_token_of_another_type_is_refused(typ: str | None):
    header, claims, _ = parts(await good())
    _, key = await ours()
    other = {name: value for name, value in (header | {"typ": typ}).items() if value is not None}
    assert await refused(forged(other, claims, key)) == access_tokens.NOT_OURS


async def test_a_header_that_names_its_own_key_is_refused():
    header, claims, _ = parts(await good())
    evil = ECKey.generate_key("P-256", {"kid": header["kid"]})
    own = {
        "jwk": evil.as_dict(private=False),
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert.pem",
        "x5c": ["MIIB"],
        "x5t": "abc",
        "crit": ["exp"],
        "b64": True,
        "cty": "JWT",
        "zip": "DEF",
    }
    _, key = await ours()
    for name, value in own.items():
        named = b64(header | {name: value})
        signature = forged(header, claims, evil).split(".")[2]
        assert await refused(f"{named}.{b64(claims)}.{signature}") == access_tokens.NOT_OURS
    # Even by our own key.
    assert await refused(forged(header | {"jwk": evil.as_dict(private=False)}, claims, key)) == access_tokens.NOT_OURS


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": "http://localhost:3000/"},
        {"iss": ["http://localhost:3000"]},
        {"aud": "https://evil.example/api/v1"},
        {"aud": ["https://evil.example"]},
        {"aud": []},
        {"aud": "http://localhost:3000"},
        {"sub": ""},
        {"sub": 1},
        {"sub": {"a": 1}},
        {"sid": ["grant"]},
        {"sid": 5},
        {"sid": "x" * 401},
        {"client_id": 7},
        {"scope": ["scans:read"]},
        {"scope": 1},
        {"jti": 1},
        {"iat": "now"},
        {"nbf": "0"},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 1e400},
        {"exp": float("nan")},
        {"exp": []},
        *({name: None} for name in ("iss", "aud", "sub", "client_id", "sid", "scope", "iat", "nbf", "exp", "jti")),
    ],
    ids=str,
)
async def test_claims_that_are_wrong_or_missing_are_refused(changes: dict[str, Any]):
    assert await refused(await good(**changes)) == access_tokens.NOT_OURS


async def test_time_is_judged_with_half_a_minute_of_patience():
    at = int(time.time())
    assert await refused(await good(exp=at - 60)) == access_tokens.EXPIRED
    assert await refused(await good(nbf=at + 60)) == access_tokens.NOT_OURS
    assert await refused(await good(iat=at + 60)) == access_tokens.NOT_OURS
    assert await access_tokens.read(await good(exp=at - 10, nbf=at + 10, iat=at + 10))


async def test_an_unknown_scope_opens_nothing():
    assert (await access_tokens.read(await good(scope="scans:read admin *"))).scopes == {Scope.SCANS_READ}
    assert (await access_tokens.read(await good(scope=""))).scopes == frozenset()


async def test_a_payload_that_was_changed_is_refused():
    header, claims, signature = parts(await good())
    changed = b64(claims | {"scope": "scans:read workspace:write"})
    assert await refused(f"{b64(header)}.{changed}.{signature}") == access_tokens.NOT_OURS


async def test_a_signature_that_is_not_one_is_refused():
    header, payload, signature = (await good()).split(".")
    raw = urlsafe_b64decode(signature + "==")
    # All zero (CVE-2022-21449), cut, longer, the halves exchanged, and as DER.
    for wrong in (b"", b"\0" * 64, raw[:-1], raw + b"\0", raw[32:] + raw[:32], b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:]):
        assert await refused(f"{header}.{payload}.{b64(wrong)}") == access_tokens.NOT_OURS


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "a.b.c",
        "e30.e30.",
        "....",
        "a.b.c.d.e",
        f"{'A' * 5000}.e30.AA",
        f"e30.{'A' * 1_000_000}.AA",
        "ſ.e30.AA",
        f"{b64([])}.e30.AA",
        f"{b64('text')}.e30.AA",
        f"{b64(b'[' * 2500)}.e30.AA",
        f"{b64(b'not json')}.e30.AA",
        "\x00.\x00.\x00",
    ],
    ids=lambda text: text[:20],
)
async def test_noise_is_refused(text: str):
    with pytest.raises(BadSignature):
        await signing_keys.verify(text)
    assert await refused(text) == access_tokens.NOT_OURS


@pytest.mark.parametrize("payload", [b"[]", b"1", b'"a"', b"null", b"{", b"\xff", b"[" * 2000])
async def test_a_payload_that_is_no_object_is_refused(payload: bytes):
    kid, key = await ours()
    token = jws.serialize_compact({"alg": "ES256", "kid": kid, "typ": "at+jwt"}, payload, key, ["ES256"])
    assert await refused(token) == access_tokens.NOT_OURS
