"""The OAuth endpoints as RFC 6749, 7009, 8414 and 8693 have them."""

import asyncio
import json
from base64 import urlsafe_b64decode
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.services import access_tokens, rates, signing_keys, token_text
from app.services.access import Scope
from app.services.rates import Rate
from tests.api.conftest import ACCESS_TOKEN, EXCHANGE, bearer
from tests.conftest import PUBLIC_URL, Cast
from tests.services.token_making import personal

TOKEN, REVOKE, ME = "/api/v1/oauth/token", "/api/v1/oauth/revoke", "/api/v1/me"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def exchange(secret: str, **more: str) -> dict[str, str]:
    return {"grant_type": EXCHANGE, "subject_token": secret, "subject_token_type": ACCESS_TOKEN, **more}


def refresh(answer: httpx.Response, **more: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"], **more}


def check_error(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert answer.json().keys() == {"error", "error_description"}
    description = answer.json()["error_description"]
    assert description
    assert all(" " <= character <= "~" and character not in '"\\' for character in description)
    check_not_stored(answer)


def check_not_stored(answer: httpx.Response) -> None:
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")


async def test_an_exchange_answers_as_the_standard_says(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    answer = await program.post(TOKEN, data=exchange(made.secret))
    assert answer.status_code == 200
    check_not_stored(answer)
    shown = answer.json()
    assert shown.keys() == {"access_token", "issued_token_type", "token_type", "expires_in", "refresh_token", "scope"}
    assert (shown["token_type"], shown["expires_in"], shown["scope"]) == ("Bearer", 600, "scans:read scans:write")
    assert shown["issued_token_type"] == ACCESS_TOKEN
    assert (await program.get(ME, headers=bearer(shown["access_token"]))).status_code == 200


async def test_others_can_check_an_access_token_by_the_published_keys(program: httpx.AsyncClient, cast: Cast):
    empty = await program.get("/.well-known/jwks.json")
    assert (empty.json(), empty.headers["cache-control"]) == ({"keys": []}, "no-cache")
    token = (await program.post(TOKEN, data=exchange((await personal(cast.bob)).secret))).json()["access_token"]
    published = await program.get("/.well-known/jwks.json")
    assert published.headers["cache-control"] == "public, max-age=300"
    assert published.headers["content-type"] == "application/jwk-set+json"
    decoded = jwt.decode(token, KeySet.import_key_set(published.json()), algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    assert decoded.claims["iss"] == PUBLIC_URL


async def test_the_endpoints_are_where_the_metadata_says(program: httpx.AsyncClient, cast: Cast):
    found = (await program.get("/.well-known/oauth-authorization-server")).json()
    assert found["issuer"] == PUBLIC_URL
    answer = await program.post(found["token_endpoint"], data=exchange((await personal(cast.bob)).secret))
    assert answer.status_code == 200
    assert (await program.get(found["jwks_uri"])).json()["keys"]
    assert (await program.post(found["revocation_endpoint"], data={"token": answer.json()["access_token"]})).status_code == 200
    assert found["scopes_supported"] == list(Scope)


async def test_an_exchange_narrows(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    answer = await program.post(TOKEN, data=exchange(made.secret, scope="scans:read", audience=access_tokens.audience(), unknown="ignored"))
    assert answer.json()["scope"] == "scans:read"
    check_error(await program.post(TOKEN, data=exchange(made.secret, scope="audit:read")), "invalid_scope")
    check_error(await program.post(TOKEN, data=exchange(made.secret, scope="nonsense\u2028")), "invalid_scope")
    assert (await program.post(TOKEN, data=exchange(made.secret, scope=""))).json()["scope"] == "scans:read scans:write"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "seam_pat_wrong"}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"audience": "https://evil.example"}, "invalid_target"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "seam_rt_wrong"}, "invalid_grant"),
    ],
    ids=str,
)
async def test_a_request_that_is_wrong_is_told_what_is(program: httpx.AsyncClient, cast: Cast, changed: dict[str, str], code: str):
    made = await personal(cast.bob)
    check_error(await program.post(TOKEN, data=exchange(made.secret) | changed), code)


async def test_a_body_that_is_no_form_is_refused(program: httpx.AsyncClient, cast: Cast):
    wanted = exchange((await personal(cast.bob)).secret)
    check_error(await program.post(TOKEN, json=wanted), "invalid_request")
    check_error(await program.post(TOKEN, files={"grant_type": b"x"}), "invalid_request")
    check_error(await program.post(TOKEN), "invalid_request")
    check_error(await program.post(TOKEN, content=urlencode(wanted)), "invalid_request")
    twice = urlencode([*wanted.items(), ("scope", "scans:read"), ("scope", "scans:read")])
    check_error(await program.post(TOKEN, content=twice, headers=FORM), "invalid_request")
    for noise in (b"\xff\xfe=1", b"a=%ff%fe", b"a=1&" * 100, b"grant_type=" + b"x" * 20_000, "ſ=1".encode()):
        check_error(await program.post(TOKEN, content=noise, headers=FORM), "invalid_request")
    # Nothing of the address counts.
    check_error(await program.post(TOKEN, params=wanted, content=b"", headers=FORM), "invalid_request")


async def test_a_refresh_gives_the_next_pair_and_the_second_use_ends_all(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    first = await program.post(TOKEN, data=exchange(made.secret))
    second = await program.post(TOKEN, data=refresh(first, scope="scans:read"))
    assert second.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert second.json()["scope"] == "scans:read"
    check_not_stored(second)
    check_error(await program.post(TOKEN, data=refresh(first)), "invalid_grant")
    check_error(await program.post(TOKEN, data=refresh(second)), "invalid_grant")
    for answer in (first, second):
        assert (await program.get(ME, headers=bearer(answer.json()["access_token"]))).status_code == 401
    assert (await program.post(TOKEN, data=exchange(made.secret))).status_code == 200


async def test_of_two_refreshes_at_once_one_gets_an_answer(program: httpx.AsyncClient, cast: Cast):
    first = await program.post(TOKEN, data=exchange((await personal(cast.bob)).secret))
    answers = await asyncio.gather(*(program.post(TOKEN, data=refresh(first)) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]


async def test_a_token_that_is_given_back_counts_no_more_and_what_never_counted_is_no_error(program: httpx.AsyncClient, cast: Cast):
    answer = await program.post(TOKEN, data=exchange((await personal(cast.bob)).secret))
    for token in (answer.json()["refresh_token"], answer.json()["refresh_token"], "never", token_text.make(token_text.Prefix.REFRESH)):
        done = await program.post(REVOKE, data={"token": token, "token_type_hint": "refresh_token"})
        assert (done.status_code, done.content) == (200, b"")
        check_not_stored(done)
    assert (await program.get(ME, headers=bearer(answer.json()["access_token"]))).status_code == 401
    check_error(await program.post(REVOKE, data=refresh(answer)), "invalid_request")


async def test_whoever_finds_an_api_token_can_end_it(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.bob)
    assert (await program.post(REVOKE, data={"token": made.secret})).status_code == 200
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 401


async def test_tokens_live_on_through_a_rotation(program: httpx.AsyncClient, cast: Cast):
    first = await program.post(TOKEN, data=exchange((await personal(cast.bob)).secret))
    kid = await signing_keys.rotate()
    assert (await program.get(ME, headers=bearer(first.json()["access_token"]))).status_code == 200
    second = await program.post(TOKEN, data=refresh(first))
    header = second.json()["access_token"].partition(".")[0]
    assert json.loads(urlsafe_b64decode(header + "=="))["kid"] == kid
    assert (await program.get(ME, headers=bearer(second.json()["access_token"]))).status_code == 200
    assert len((await program.get("/.well-known/jwks.json")).json()["keys"]) == 2


async def test_too_many_exchanges_have_to_wait(program: httpx.AsyncClient, cast: Cast):
    for _ in range(Rate.TOKEN_EXCHANGE.value[0]):
        await rates.hit(Rate.TOKEN_EXCHANGE, "127.0.0.1")
    for path, data in ((TOKEN, exchange("x")), (REVOKE, {"token": "x"})):
        answer = await program.post(path, data=data)
        assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        check_not_stored(answer)


async def test_a_page_of_another_origin_exchanges_nothing(program: httpx.AsyncClient, cast: Cast):
    answer = await program.post(TOKEN, data=exchange((await personal(cast.bob)).secret), headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


async def test_a_refresh_token_opens_nothing_itself(program: httpx.AsyncClient, cast: Cast):
    first = await program.post(TOKEN, data=exchange((await personal(cast.bob)).secret))
    assert (await program.get(ME, headers=bearer(first.json()["refresh_token"]))).status_code == 401
