"""Who calls: a bearer token in the header, and nothing else."""

import httpx
import pytest
from sqlmodel import col, delete, update

from app.models import ApiToken, Membership, now
from app.services import bearers, grants, rates, sessions, token_text, tokens
from app.services.rates import Rate
from tests.api.conftest import bearer
from tests.conftest import PUBLIC_URL, Cast
from tests.services.token_making import change, later, of_workspace, personal, signed_in

ME = "/api/v1/me"


async def test_without_a_token_the_answer_says_how_to_come_again(program: httpx.AsyncClient):
    answer = await program.get(ME)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Seamwatch"'
    assert "seam_pat_" in answer.json()["error"]["message"]


async def test_a_token_says_whom_it_stands_for(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.bob, "scans:read", "scans:write")
    shown = (await program.get(ME, headers=bearer(made.secret))).json()
    assert shown["token"].items() >= {"id": made.row.id, "name": "ci", "kind": "personal"}.items()
    assert shown["user"]["name"] == "Bob"
    assert shown["workspace"]["name"] == "Alice's workspace"
    assert (shown["role"], shown["scopes"]) == ("editor", ["scans:read", "scans:write"])
    ours = await of_workspace(cast.alice, "viewer")
    shown = (await program.get(ME, headers=bearer(ours.secret))).json()
    assert (shown["user"], shown["role"], shown["token"]["expires_at"]) == (None, "viewer", None)


async def test_an_access_token_stands_for_the_same_with_what_it_was_narrowed_to(program: httpx.AsyncClient, cast: Cast):
    issued = await grants.exchange((await personal(cast.bob, "scans:read", "scans:write")).secret, "scans:read")
    shown = (await program.get(ME, headers=bearer(issued.access_token))).json()
    assert (shown["user"]["name"], shown["scopes"]) == ("Bob", ["scans:read"])


async def test_a_cookie_counts_for_nothing(program: httpx.AsyncClient, cast: Cast):
    cookie = {"cookie": f"seam={await sessions.create(cast.alice.user_id, cast.alice.workspace_id, 'owner_link')}"}
    assert await sessions.actor(cookie["cookie"])
    alone = await program.get(ME, headers=cookie)
    assert (alone.status_code, alone.headers["www-authenticate"]) == (401, 'Bearer realm="Seamwatch"')
    from_our_page = await program.post("/api/v1/scans", headers=cookie | {"origin": PUBLIC_URL}, json={"page_url": "http://app.test/"})
    assert from_our_page.status_code == 401
    bobs = bearer((await personal(cast.bob)).secret)
    assert (await program.get(ME, headers=cookie | bobs)).json()["user"]["name"] == "Bob"
    assert (await program.get(ME, headers=cookie | bearer("seam_pat_nothing"))).status_code == 401


async def test_a_token_counts_nowhere_but_in_the_header(program: httpx.AsyncClient, cast: Cast):
    secret = (await personal(cast.alice)).secret
    assert (await program.get(ME, params={"access_token": secret})).status_code == 401
    assert (await program.post("/api/v1/scans", data={"access_token": secret})).status_code == 401
    assert (await program.get(ME, headers={"cookie": f"access_token={secret}"})).status_code == 401
    # And it is no session.
    assert await sessions.actor(f"seam={secret}") is None


@pytest.mark.parametrize(
    "shape", ["{}", "Basic {}", "Token {}", "Bearer", "Bearer ", "Bearer  {}", "Bearer {} ", "Bearer {},{}", 'Bearer "{}"', "Bearer\t{}"]
)
async def test_other_headers_are_refused(program: httpx.AsyncClient, cast: Cast, shape: str):
    secret = (await personal(cast.alice)).secret
    # As a server hands it on: httpx would not send every one of these.
    answer = await program.get(ME, headers=[("authorization", shape.replace("{}", secret).strip(" "))] if shape.strip() else [])
    if shape == "Bearer {} ":
        assert answer.status_code == 200  # surrounding blanks are no part of a header's value
    else:
        assert (answer.status_code, "invalid_token" in answer.headers["www-authenticate"]) == (401, True)


async def test_two_authorization_headers_are_refused(program: httpx.AsyncClient, cast: Cast):
    header = ("authorization", f"Bearer {(await personal(cast.alice)).secret}")
    assert (await program.get(ME, headers=[header, header])).status_code == 401


async def test_the_scheme_is_read_in_any_case(program: httpx.AsyncClient, cast: Cast):
    secret = (await personal(cast.alice)).secret
    assert (await program.get(ME, headers={"authorization": f"bEARER {secret}"})).status_code == 200


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe", "Bearer ſeam".encode(), b"Bearer " + b"x" * 60_000, b"Bearer a.b.c", b'Bearer "\\'])
async def test_noise_is_refused_with_a_header_that_is_one(program: httpx.AsyncClient, value: bytes):
    answer = await program.get(ME, headers=[(b"authorization", value)])
    assert answer.status_code == 401
    description = answer.headers["www-authenticate"].partition('error_description="')[2]
    assert description.isascii()
    assert description.count('"') == 1


async def test_why_a_token_counts_no_more_is_told_to_whoever_holds_it(program: httpx.AsyncClient, cast: Cast):
    revoked, expired, left = await personal(cast.alice), await personal(cast.alice), await personal(cast.bob)
    await tokens.revoke(signed_in(cast.alice), revoked.row.id)
    await later(
        update(ApiToken).where(col(ApiToken.public_id) == expired.row.id).values(expires_at=now()),
        delete(Membership).where(col(Membership.user_id) == cast.bob.user_id),
    )
    for made, word in ((revoked, "revoked"), (expired, "expired"), (left, "no member")):
        answer = await program.get(ME, headers=bearer(made.secret))
        assert answer.status_code == 401
        assert word in answer.headers["www-authenticate"]
        assert word in answer.json()["error"]["message"]


async def test_a_scope_that_lacks_is_named_in_the_header(program: httpx.AsyncClient, cast: Cast):
    headers = bearer((await personal(cast.bob)).secret)
    answer = await program.post("/api/v1/scans", headers=headers, json={"page_url": "http://app.test/"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Seamwatch", error="insufficient_scope", scope="scans:write"'


async def test_a_token_ends_itself_and_an_access_token_its_grant(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.bob)
    issued = await grants.exchange(made.secret)
    assert (await program.delete("/api/v1/tokens/current", headers=bearer(issued.access_token))).status_code == 204
    assert (await program.get(ME, headers=bearer(issued.access_token))).status_code == 401
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 200
    assert (await program.delete("/api/v1/tokens/current", headers=bearer(made.secret))).status_code == 204
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 401


async def test_a_revocation_counts_for_the_next_request(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.alice)
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 200
    await tokens.revoke(signed_in(cast.alice), made.row.id)
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 401


async def test_a_revocation_by_another_process_counts_when_the_cache_ends(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.alice)
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 200
    await change(update(ApiToken).values(revoked_at=now()))
    assert bearers.CACHE_S <= 5
    bearers.forget()
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 401


async def test_too_many_requests_with_one_token_have_to_wait(program: httpx.AsyncClient, cast: Cast):
    made, other = await personal(cast.alice), await personal(cast.alice)
    for _ in range(Rate.API_TOKEN.value[0]):
        await rates.hit(Rate.API_TOKEN, made.row.id)
    answer = await program.get(ME, headers=bearer(made.secret))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "limited")
    assert 0 < int(answer.headers["retry-after"]) <= Rate.API_TOKEN.value[1]
    assert (await program.get(ME, headers=bearer(other.secret))).status_code == 200


async def test_guessing_tokens_ends_in_waiting_and_locks_nobody_else_out(program: httpx.AsyncClient, cast: Cast):
    made = await personal(cast.alice)
    for _ in range(Rate.API_ADDRESS.value[0]):
        await rates.hit(Rate.API_ADDRESS, "127.0.0.1")
    guess = bearer(token_text.make(token_text.Prefix.PERSONAL))
    assert (await program.get(ME, headers=guess)).status_code == 429
    assert (await program.get(ME, headers=bearer(made.secret))).status_code == 200


async def test_pages_of_other_origins_read_nothing(program: httpx.AsyncClient, cast: Cast):
    headers = bearer((await personal(cast.alice)).secret) | {"origin": "https://evil.example"}
    answer = await program.get(ME, headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = await program.options(
        ME, headers=headers | {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    )
    assert not [name for name in preflight.headers if name.startswith("access-control-")]
    assert (await program.post("/api/v1/scans", headers=headers, json={"page_url": "http://app.test/"})).status_code == 403


async def test_a_token_signs_nobody_in_on_pages_and_downloads(program: httpx.AsyncClient, cast: Cast):
    headers = bearer((await personal(cast.alice)).secret)
    for path in ("/download/scans/AAAAAAAAAAAAAAAA.json", "/download/audit.csv"):
        assert (await program.get(path, headers=headers)).status_code == 401
