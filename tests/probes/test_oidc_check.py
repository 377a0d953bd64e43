"""Identity providers: a real mock of one, and one that lies as a test says."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from app.core.checked import Checked
from app.core.checks import OidcCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import oidc_check
from app.probes.tools import Tools
from tests.identity_providers import openid_mock
from tests.loopback import Serve, Server

KEY = {**RSAKey.generate_key(2048).as_dict(private=False), "kid": "key-1"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with openid_mock(tmp_path_factory.mktemp("openid")) as url:
        yield url


async def run(net: Net, issuer: str, *, timeout_s: float = 5, ahead_s: float = 0, **options) -> Checked:
    return await oidc_check.run(OidcCheck(issuer, **options), Tools(net, timeout_s, datetime.now(UTC) + timedelta(seconds=ahead_s)))


async def test_a_provider_that_works_is_up_with_its_keys_and_clock(net: Net, provider: str):
    found = await run(net, provider)
    assert (found.outcome, found.text, found.code) == (Outcome.UP, "", 200)
    facts = dict(found.facts)
    assert facts["issuer"] == provider
    assert facts["keys"].startswith("RSA 2048 (")
    assert abs(float(facts["clock"].split()[0])) <= 2


async def test_another_name_for_the_same_provider_is_another_issuer(net: Net, provider: str):
    found = await run(net, f"{provider}/")
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.ASSERTION)
    assert "the slash at the end counts" in found.text


async def test_an_algorithm_without_a_key_is_down(net: Net, provider: str):
    found = await run(net, provider, algorithms=("RS256", "ES256"))
    assert found.outcome is Outcome.DOWN
    assert "No published key can verify ES256." in {text for name, text in found.facts if name == "problem"}


@pytest.mark.parametrize(("ahead_s", "words"), [(300, "behind ours"), (-300, "ahead of ours")])
async def test_a_clock_that_is_off_degrades(net: Net, provider: str, ahead_s: float, words: str):
    found = await run(net, provider, ahead_s=ahead_s)
    assert found.outcome is Outcome.DEGRADED
    assert words in found.text
    assert (await run(net, provider, ahead_s=ahead_s, max_clock_s=400)).outcome is Outcome.UP


async def lying(serve: Serve, answers: dict[str, Any], status: str = "200 OK", *more: str) -> Server:
    holder: list[Server] = []

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = holder[0].requests[-1].split(b" ")[1].decode()
        answer = answers.get(path)
        if answer is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).replace("ISSUER", holder[0].url.rstrip("/")).encode()
        writer.write("\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more, "", ""]).encode() + body)

    holder.append(await serve(say))
    return holder[0]


METADATA = {
    "issuer": "ISSUER",
    "authorization_endpoint": "ISSUER/authorize",
    "token_endpoint": "ISSUER/token",
    "jwks_uri": "ISSUER/jwks",
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
}
OPENID = "/.well-known/openid-configuration"
GOOD = {OPENID: METADATA, "/jwks": {"keys": [KEY]}}


async def of(net: Net, serve: Serve, answers: dict[str, Any], *more: Any) -> Checked:
    server = await lying(serve, answers, *more)
    return await run(net, server.url.rstrip("/"))


async def test_metadata_of_an_oauth_server_is_found_as_well(net: Net, serve: Serve):
    found = await of(net, serve, {"/.well-known/oauth-authorization-server": METADATA, "/jwks": {"keys": [KEY]}})
    assert (found.outcome, len(found.exchanges)) == (Outcome.UP, 3)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "answers 404, not 200."),
        ({OPENID: "<html>"}, "is not a JSON object"),
        ({OPENID: "[" * 100_000}, "is not a JSON object"),
        ({OPENID: [1]}, "is not a JSON object"),
        ({OPENID: METADATA}, "The key set at"),
        ({OPENID: METADATA, "/jwks": "x" * 400_000}, "is larger than 300 kB"),
        ({OPENID: METADATA, "/jwks": {"keys": []}}, "No published key can verify RS256."),
        ({OPENID: METADATA | {"jwks_uri": "not an address"}, "/jwks": {}}, ""),
        ({OPENID: {key: value for key, value in METADATA.items() if key != "jwks_uri"}}, "jwks_uri is missing."),
    ],
)
async def test_what_cannot_be_used_is_down_and_says_why(net: Net, serve: Serve, answers: dict[str, Any], words: str):
    found = await of(net, serve, answers)
    assert found.outcome is Outcome.DOWN
    assert words in found.text


async def test_a_redirect_is_no_metadata(net: Net, serve: Serve):
    found = await of(net, serve, GOOD, "302 Found", "Location: https://elsewhere.example/")
    assert found.text.endswith("answers 302 to https://elsewhere.example/, not 200.")


async def test_the_age_of_a_cached_answer_is_no_wrong_clock(net: Net, serve: Serve):
    old = format_datetime(datetime.now(UTC) - timedelta(seconds=600), usegmt=True)
    assert (await of(net, serve, GOOD, "200 OK", f"Date: {old}", "Age: 600")).outcome is Outcome.UP
    assert (await of(net, serve, GOOD, "200 OK", f"Date: {old}")).outcome is Outcome.DEGRADED
    for odd in ("Date: soon", "Date: Mon, 99 Foo 2026", "X: y"):
        assert (await of(net, serve, GOOD, "200 OK", odd)).outcome is Outcome.UP


async def test_keys_at_a_private_address_are_not_asked_for(serve: Serve):
    inner = await lying(serve, {"/jwks": {"keys": [KEY]}})
    outer = await lying(serve, {OPENID: METADATA | {"jwks_uri": f"{inner.url}jwks"}})
    async with Net(AddressPolicy("private", own=frozenset({("127.0.0.1", inner.port)})), user_agent="x") as guarded:
        found = await run(guarded, outer.url.rstrip("/"))
    assert (found.outcome, found.cause, inner.requests) == (Outcome.DOWN, Cause.REFUSED_ADDRESS, [])


async def test_silence_and_refusal_are_what_they_are(net: Net, serve: Serve):
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    assert (await run(net, (await serve(silent)).url, timeout_s=0.3)).cause is Cause.TIMEOUT
    assert (await run(net, "http://127.0.0.1:1")).cause is Cause.CONNECT
