"""Signing in at GitHub and at an OpenID provider: what works, and every way in that must not."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlmodel import select, update

from app import db
from app.auth import clients
from app.models import Ceremony, Identity, Membership, User, WebSession, now
from app.services import invitations
from app.settings import _settings
from tests.auth.conftest import OURS, Browser
from tests.conftest import Cast
from tests.identity_providers import Answer, Forger, GitHub, mail


async def rows(model: type) -> list:
    async with db.reading() as session:
        return list((await session.exec(select(model))).all())


def refused(answer: httpx.Response, why: str, status: int = 400) -> None:
    """A friendly page that says what happened and offers to start again; nobody is signed in, nothing foreign is shown."""
    assert answer.status_code == status, answer.text
    assert why in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "Traceback" not in answer.text
    assert "<b>" not in answer.text
    assert "seam=" not in answer.headers.get("set-cookie", "").replace("seam-", "")


# What works


async def test_github_signs_in_a_new_user_with_the_primary_verified_address(browser_of_alice: Browser):
    answer = await browser_of_alice.sign_in("github", next="/scans?page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{OURS}/scans?page=2")
    actor = await browser_of_alice.actor()
    assert actor is not None
    assert (actor.name, actor.role) == ("Octo Cat", "owner")
    [user], [identity] = await rows(User), await rows(Identity)
    assert user.email == "octo@github.example"
    assert (identity.subject, identity.label, identity.provider) == ("1001", "octo", "github")


async def test_an_openid_provider_signs_in_with_what_its_userinfo_adds(browser_of_alice: Browser, forger: Forger):
    await browser_of_alice.sign_in("forger")
    [user], [identity] = await rows(User), await rows(Identity)
    assert (user.name, user.email) == ("One", "one@forger.example")
    assert (identity.issuer, identity.subject) == (forger.url, "subject-1")


@pytest.mark.parametrize(
    ("in_token", "in_userinfo", "kept"),
    [
        ({"email": "x@team.example"}, {"email": "one@forger.example", "email_verified": True}, "one@forger.example"),
        ({"email": "x@team.example"}, {"email_verified": True}, None),
        ({"email_verified": True}, {"email": "x@team.example"}, None),
        ({"email": "x@team.example", "email_verified": True}, {"email": "one@forger.example"}, "x@team.example"),
    ],
)
async def test_an_address_and_that_it_is_verified_come_of_one_source(
    browser_of_alice: Browser, forger: Forger, in_token: dict, in_userinfo: dict, kept: str | None
):
    forger.change_claims = lambda claims: {**claims, **in_token}
    forger.userinfo = Answer(body={"sub": "subject-1", **in_userinfo})
    await browser_of_alice.sign_in("forger")
    [user] = await rows(User)
    assert user.email == kept


async def test_signing_in_again_is_the_same_user_with_another_session(browser_of_alice: Browser):
    await browser_of_alice.sign_in("github")
    first = browser_of_alice.cookies["seam"]
    await browser_of_alice.sign_in("github")
    assert browser_of_alice.cookies["seam"] != first
    assert len(await rows(User)) == 1
    revoked = [session.revoked_at is not None for session in await rows(WebSession)]
    assert revoked == [True, False]


async def test_who_signs_in_to_accept_an_invitation_is_asked_on_its_page(browser_of_alice: Browser, cast: Cast):
    await browser_of_alice.sign_in("github")
    inviter = replace(cast.charlie, session="0" * 64)
    link = (await invitations.make(inviter, "admin")).link
    token = link.partition("token=")[2]
    answer = await browser_of_alice.sign_in("github", invitation=token, next="/scans")
    assert answer.headers["location"] == link
    who = await browser_of_alice.actor()
    assert who is not None
    assert who.workspace_id != cast.charlie.workspace_id
    assert "You would join as admin" in (await browser_of_alice.get(link)).text


async def test_the_same_subject_at_two_issuers_is_two_users(browser_of_alice: Browser, forger: Forger, github: GitHub):
    forger.change_claims = lambda claims: {**claims, "sub": "1001"}
    forger.userinfo = Answer(body={"sub": "1001", "email": "octo@github.example", "email_verified": True})
    await browser_of_alice.sign_in("github")
    await browser_of_alice.sign_in("forger")
    assert len(await rows(User)) == 2  # not one, though the address is the same and verified at both


async def test_two_tabs_of_one_browser_can_both_finish(browser_of_alice: Browser):
    one = await browser_of_alice.come_back("github", next="/scans")
    two = await browser_of_alice.come_back("github", next="/cors")
    other = await browser_of_alice.come_back("forger", next="/findings")
    assert (await browser_of_alice.get(one)).headers["location"] == f"{OURS}/scans"
    assert (await browser_of_alice.get(two)).headers["location"] == f"{OURS}/cors"
    assert (await browser_of_alice.get(other)).headers["location"] == f"{OURS}/findings"
    assert sum(session.revoked_at is None for session in await rows(WebSession)) == 1


async def test_two_callbacks_at_once_for_a_new_identity_make_one_user(open_browser):
    browsers = [await open_browser() for _ in range(4)]
    backs = [await browser.come_back("github") for browser in browsers]
    answers = await asyncio.gather(*(browser.get(back) for browser, back in zip(browsers, backs, strict=True)))
    assert [answer.status_code for answer in answers] == [303] * 4
    assert (len(await rows(User)), len(await rows(Identity)), len(await rows(Membership))) == (1, 1, 1)


async def test_what_is_sent_away_is_s256_with_state_nonce_and_our_own_redirect_uri(browser_of_alice: Browser, forger: Forger):
    away = await browser_of_alice.get("/auth/login/forger", headers={"host": "127.0.0.1:3000"})
    assert away.headers["location"].startswith(f"{OURS}/auth/login/forger?")  # to where the way back leads
    proxied = await browser_of_alice.get(away.headers["location"], headers={"host": "127.0.0.1:3000"})
    assert proxied.headers["location"].startswith(forger.url)  # not in a ring where a proxy changes the name
    away = await browser_of_alice.follow(away)
    query = {name: values[0] for name, values in parse_qs(urlsplit(away.headers["location"]).query).items()}
    assert query["redirect_uri"] == f"{OURS}/auth/callback/forger"
    assert (query["code_challenge_method"], query["response_type"]) == ("S256", "code")
    assert len(query["state"]) >= 22
    assert len(query["nonce"]) >= 20
    assert "code_verifier" not in query
    cookie = away.headers["set-cookie"].lower()
    assert {"path=/auth", "httponly", "samesite=lax"} <= {part.strip() for part in cookie.split(";")}
    kept = "".join(row.model_dump_json() for row in await rows(Ceremony))
    assert kept
    assert query["state"] not in kept
    assert query["nonce"] not in kept


async def test_over_https_the_marker_has_the_host_prefix(open_browser, configured: pytest.MonkeyPatch):
    configured.setenv("SEAMWATCH_PUBLIC_URL", "https://seam.example")
    _settings.cache_clear()
    browser = await open_browser()
    away = await browser.get("https://seam.example/auth/login/github")
    cookie = away.headers["set-cookie"]
    assert cookie.startswith("__Host-seam-oauth=")
    assert {"secure", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "redirect_uri=https%3A%2F%2Fseam.example%2Fauth%2Fcallback%2Fgithub" in away.headers["location"]


# Refused: what comes back is not what this browser started


async def test_declining_says_so_and_offers_to_start_again(browser_of_alice: Browser):
    away = await browser_of_alice.get("/auth/login/github", params={"next": "/scans"})
    back = await browser_of_alice.confirm(away.headers["location"], "nobody")
    answer = await browser_of_alice.get(back)
    refused(answer, "GitHub did not confirm the sign-in (it was declined there). Start again.")
    assert "/auth/login/github?next=%2Fscans" in answer.text
    assert not await rows(User)


async def test_a_callback_works_once_even_with_the_cookies_of_then(browser_of_alice: Browser):
    back = await browser_of_alice.come_back("github")
    then = dict(browser_of_alice.cookies)
    assert (await browser_of_alice.get(back)).status_code == 303
    refused(await browser_of_alice.get(back), "state expired")
    browser_of_alice.cookies.update(then)
    refused(await browser_of_alice.get(back), "state expired")


async def test_of_two_uses_of_a_callback_at_once_one_wins(browser_of_alice: Browser):
    back = await browser_of_alice.come_back("github")
    answers = await asyncio.gather(*(browser_of_alice.get(back) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400]


async def test_after_ten_minutes_the_state_has_expired(browser_of_alice: Browser):
    back = await browser_of_alice.come_back("github")
    async with db.transaction() as session:
        [row] = (await session.exec(select(Ceremony))).all()
        assert timedelta(minutes=9) < row.expires_at - now() <= timedelta(minutes=10)
        row.expires_at = now() - timedelta(milliseconds=1)
    refused(await browser_of_alice.get(back), "GitHub did not confirm the sign-in (state expired). Start again.")


@pytest.mark.parametrize(
    "change", [{"state": None}, {"state": ""}, {"state": "x" * 30}, {"state": "x" * 30_000}, {"code": None}, {"code": ""}]
)
async def test_a_callback_without_the_right_state_and_a_code_is_refused(browser_of_alice: Browser, change: dict[str, str | None]):
    back = httpx.URL(await browser_of_alice.come_back("github"))
    query = {name: value for name, value in {**back.params, **change}.items() if value is not None}
    refused(await browser_of_alice.get("/auth/callback/github", params=query), "GitHub did not confirm the sign-in")
    assert not await rows(User)


async def test_the_state_of_another_provider_is_refused(browser_of_alice: Browser):
    github = httpx.URL(await browser_of_alice.come_back("github"))
    await browser_of_alice.come_back("forger")
    refused(await browser_of_alice.get("/auth/callback/forger", params=dict(github.params)), "state expired")


async def test_an_attackers_callback_does_not_sign_the_victim_in_as_the_attacker(open_browser):
    attacker, victim = await open_browser(), await open_browser()
    back = await attacker.come_back("github", "mallory")
    refused(await victim.get(back), "state expired")
    await victim.come_back("github")  # also not while a sign-in of the victim's own is under way
    refused(await victim.get(back), "state expired")
    assert await victim.actor() is None


async def test_a_stolen_code_is_worthless_in_another_sign_in(open_browser):
    attacker, victim = await open_browser(), await open_browser()
    stolen = httpx.URL(await victim.come_back("github")).params["code"]
    own = httpx.URL(await attacker.come_back("github", "mallory"))
    answer = await attacker.get("/auth/callback/github", params={**own.params, "code": stolen})
    refused(answer, "its answer does not count")
    assert not await rows(User)


async def test_a_session_that_was_planted_before_signing_in_is_not_kept(open_browser):
    attacker, victim = await open_browser(), await open_browser()
    await attacker.sign_in("github", "mallory")
    planted = attacker.cookies["seam"]
    victim.cookies.set("seam", planted, domain="localhost.local", path="/")
    back = await victim.come_back("github")
    answer = await victim.get(back)
    assert planted not in answer.headers["set-cookie"]
    assert [session.revoked_at is not None for session in await rows(WebSession)] == [True, False]


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example/", "/\\evil.example", "/auth/logout", "javascript:alert(1)"])
async def test_a_sign_in_leads_to_no_foreign_address(browser_of_alice: Browser, goal: str):
    answer = await browser_of_alice.sign_in("github", next=goal)
    assert answer.headers["location"] == f"{OURS}/"


async def test_a_disabled_user_is_refused(browser_of_alice: Browser):
    await browser_of_alice.sign_in("github")
    async with db.transaction() as session:
        await session.exec(update(User).values(disabled_at=now()))
    refused(await browser_of_alice.sign_in("github"), "This account is disabled", 403)


@pytest.mark.parametrize("path", ["/auth/login/nobody", "/auth/callback/nobody", "/auth/login/google", "/auth/login/GITHUB"])
async def test_a_provider_that_is_not_configured_is_a_friendly_404(browser_of_alice: Browser, path: str):
    refused(await browser_of_alice.get(path), "no such way to sign in", 404)


# Refused: what the provider says does not count


def lie(forger: Forger, what: str) -> None:
    """Make the provider lie in one way."""
    other = "https://other.example"
    claims = {
        "another audience": {"aud": "another-client"},
        "another audience, and us as azp": {"aud": "another-client", "azp": "seamwatch-test"},
        "no audience": {"aud": None},
        "us as one of two audiences, the other as azp": {"aud": ["seamwatch-test", "other"], "azp": "other"},
        "another issuer": {"iss": other},
        "no issuer": {"iss": None},
        "another nonce": {"nonce": "another"},
        "no nonce": {"nonce": None},
        "expired": {"exp": 1_700_000_000, "iat": 1_699_999_000},
        "no expiry": {"exp": None},
        "issued in the future": {"iat": 4_000_000_000, "exp": 4_000_000_300},
        "no subject": {"sub": None},
        "a subject that is no text": {"sub": 1},
        "an empty subject": {"sub": ""},
        "a subject without end": {"sub": "x" * 5000},
    }
    if what in claims:
        changed = claims[what]
        forger.change_claims = lambda made: {name: value for name, value in {**made, **changed}.items() if value is not None}
        return
    match what:
        case "alg none, offered in the document":
            forger.header = {"alg": "none"}
            forger.change_document = lambda made: {**made, "id_token_signing_alg_values_supported": ["none", "RS256"]}
        case "HS256 with the public key, offered in the document":
            forger.header = {"alg": "HS256", "kid": "key-1"}
            forger.change_document = lambda made: {**made, "id_token_signing_alg_values_supported": ["HS256", "RS256"]}
        case "only unsafe algorithms":
            forger.change_document = lambda made: {**made, "id_token_signing_alg_values_supported": ["none", "HS256"]}
        case "another key":
            forger.published, forger.key = [forger.key], RSAKey.generate_key(2048, {"kid": "key-1"})
        case "a key id that is not published":
            forger.header = {"alg": "RS256", "kid": "key-2"}
        case "no ID token":
            forger.change_token = lambda made: {"access_token": "at", "token_type": "Bearer"}
        case "an ID token that is none":
            forger.change_token = lambda made: {**made, "id_token": "a.b.c"}
        case "a document of another issuer":
            forger.change_document = lambda made: {**made, "issuer": other}
        case "a document without TLS elsewhere":
            forger.change_document = lambda made: {**made, "token_endpoint": "http://other.example/token"}
        case "a document that is no object":
            forger.document = Answer(body=[1])
        case "a document that is no JSON":
            forger.document = Answer(body="<html>", content_type="text/html")
        case "a document without end":
            forger.document = Answer(body=b" " * (clients.MAX_ANSWER_BYTES + 1))
        case "a document that leads elsewhere":
            forger.document = Answer(302, headers={"location": f"{forger.url}/jwks"})
        case "an error":
            forger.document = Answer(500, {"error": "<b>no</b>"})
        case "another issuer in its answer":
            forger.change_back = lambda made: {**made, "iss": other}
        case "no issuer in its answer, though promised":
            forger.change_document = lambda made: {**made, "authorization_response_iss_parameter_supported": True}
        case "a userinfo of somebody else":
            forger.userinfo = Answer(body={"sub": "subject-2", "email": "two@forger.example", "email_verified": True})
        case _:
            raise AssertionError(what)


@pytest.mark.parametrize(
    "what",
    [
        "another audience", "another audience, and us as azp", "no audience", "us as one of two audiences, the other as azp",
        "another issuer", "no issuer", "another nonce", "no nonce", "expired", "no expiry", "issued in the future", "no subject",
        "a subject that is no text", "an empty subject", "a subject without end", "alg none, offered in the document",
        "HS256 with the public key, offered in the document", "only unsafe algorithms", "another key", "a key id that is not published",
        "no ID token", "an ID token that is none", "a document of another issuer", "a document without TLS elsewhere",
        "a document that is no object", "a document that is no JSON", "a document without end", "a document that leads elsewhere",
        "an error", "another issuer in its answer", "no issuer in its answer, though promised", "a userinfo of somebody else",
    ],
)  # fmt: skip
async def test_a_lie_of_the_provider_signs_nobody_in(
    browser_of_alice: Browser, forger: Forger, what: str, caplog: pytest.LogCaptureFixture
):
    lie(forger, what)
    caplog.set_level(logging.INFO)
    answer = await browser_of_alice.get("/auth/login/forger")
    if answer.status_code == 302:
        answer = await browser_of_alice.get(await browser_of_alice.confirm(answer.headers["location"]))
    assert answer.status_code in (400, 403), answer.text
    refused(answer, "Forger did not", answer.status_code)
    assert not await rows(User)
    assert await browser_of_alice.actor() is None
    if answer.status_code == 400:
        assert "forger" in caplog.text  # the operator finds out why


async def test_an_unknown_key_id_does_not_have_the_keys_fetched_for_each_token(browser_of_alice: Browser, forger: Forger):
    await browser_of_alice.sign_in("forger")
    forger.header = {"alg": "RS256", "kid": "key-2"}
    for _ in range(3):
        refused(await browser_of_alice.sign_in("forger"), "does not count")
    assert forger.times_asked("/jwks") == 1


async def test_a_new_key_of_the_provider_is_fetched(browser_of_alice: Browser, forger: Forger, monkeypatch: pytest.MonkeyPatch):
    await browser_of_alice.sign_in("forger")
    forger.key = RSAKey.generate_key(2048, {"kid": "key-2"})
    forger.published, forger.header = [forger.key], {"alg": "RS256", "kid": "key-2"}
    monkeypatch.setattr(clients, "REFETCH_S", 0.0)
    assert (await browser_of_alice.sign_in("forger")).status_code == 303
    assert forger.times_asked("/jwks") == 2


async def test_the_discovery_document_is_read_anew_after_an_hour(
    browser_of_alice: Browser, forger: Forger, monkeypatch: pytest.MonkeyPatch
):
    path = "/.well-known/openid-configuration"
    await browser_of_alice.sign_in("forger")
    await browser_of_alice.sign_in("forger")
    assert forger.times_asked(path) == 1
    monkeypatch.setattr(clients, "METADATA_S", 0.0)
    forger.change_document = lambda made: {**made, "issuer": "https://other.example"}
    refused(await browser_of_alice.get("/auth/login/forger"), "does not count")


async def test_options_in_the_discovery_document_do_not_reach_the_http_client(browser_of_alice: Browser, forger: Forger):
    forger.change_document = lambda made: {**made, "verify": False, "trust_env": False, "proxy": "http://127.0.0.1:1"}
    assert (await browser_of_alice.sign_in("forger")).status_code == 303


async def test_a_provider_that_does_not_answer_is_said_so(browser_of_alice: Browser, forger: Forger, github: GitHub):
    back = await browser_of_alice.come_back("github")
    github.close()
    refused(await browser_of_alice.get(back), "it did not answer")
    forger.close()
    refused(await browser_of_alice.get("/auth/login/forger"), "it did not answer")
    forger.close = github.close = lambda: None


@pytest.mark.parametrize("wrong", [None, "1001", True, 0, -5, 10**30, {"a": 1}])
async def test_a_github_user_without_a_number_is_nobody(browser_of_alice: Browser, github: GitHub, wrong: object):
    github.users["octo"].id = wrong
    answer = await browser_of_alice.sign_in("github")
    if wrong == 10**30:
        assert answer.status_code == 303  # a number like any other
    else:
        refused(answer, "its answer does not count")
        assert not await rows(User)


async def test_an_address_that_is_not_verified_is_not_kept(browser_of_alice: Browser, github: GitHub):
    await browser_of_alice.sign_in("github", "mallory")
    [user] = await rows(User)
    assert user.email is None


async def test_what_a_provider_writes_is_escaped(browser_of_alice: Browser, github: GitHub, configured: pytest.MonkeyPatch):
    configured.setenv("SEAMWATCH_JOIN_OPEN", "off")
    _settings.cache_clear()
    github.users["mallory"].login = "<script>alert(1)</script>"
    answer = await browser_of_alice.sign_in("github", "mallory")
    refused(answer, "has no account here", 403)
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_many_organisations_are_read_page_by_page(browser_of_alice: Browser, github: GitHub, configured: pytest.MonkeyPatch):
    configured.setenv("SEAMWATCH_JOIN_OPEN", "off")
    configured.setenv("SEAMWATCH_JOIN_GITHUB_ORGS", "acme")
    _settings.cache_clear()
    github.users["octo"].orgs = [f"org-{number}" for number in range(250)]
    github.users["octo"].emails = [mail("octo@github.example")]
    refused(await browser_of_alice.sign_in("github"), "has no account here", 403)
    assert github.times_asked("/api/user/orgs") == 3


async def test_too_many_sign_ins_from_one_address_are_slowed(browser_of_alice: Browser, monkeypatch: pytest.MonkeyPatch):
    from app.services import rates
    from app.services.errors import Limited

    async def full(*_: object) -> None:
        raise Limited("Too many sign-ins from your address. Try again in 9 seconds.")

    monkeypatch.setattr(rates, "hit", full)
    refused(await browser_of_alice.get("/auth/login/github"), "Try again in 9 seconds", 429)


async def test_a_file_of_authorities_that_holds_none_stops_no_sign_in(browser_of_alice: Browser, configured: pytest.MonkeyPatch, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    configured.setenv("SEAMWATCH_CA_FILE", str(tmp_path / "ca.pem"))
    _settings.cache_clear()
    assert (await browser_of_alice.sign_in("github")).status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "/auth/login/%00", "/auth/login/github%2F..", "/auth/callback/github?state=%00&code=%00",
        "/auth/callback/github?error=%3Cb%3E&state=%ff", "/auth/callback/github?state=a&state=b&code=c", "/auth/callback/forger?iss=%00",
        "/auth/link?ticket=%00%ff", f"/auth/link?ticket={'x' * 3000}", f"/auth/owner?token={'x' * 3000}&next=%00", "/auth/owner?token=%ff",
    ],
)  # fmt: skip
async def test_what_nobody_sends_by_accident_is_answered_by_a_page(browser_of_alice: Browser, path: str):
    answer = await browser_of_alice.get(path)
    assert 400 <= answer.status_code < 500, answer.text
    assert "<h1>" in answer.text or path.endswith("%2F.."), answer.text


@pytest.mark.parametrize(
    "query", [{"next": "\x00"}, {"invitation": "x" * 5000}, {"invitation": "\x00"}, {"moved": "maybe"}, {"next": "x" * 5000}]
)
async def test_odd_words_on_the_way_out_do_no_harm(browser_of_alice: Browser, query: dict[str, str]):
    assert (await browser_of_alice.get("/auth/login/github", params=query)).status_code == 302


async def test_forms_without_their_fields_are_answered_by_a_page(browser_of_alice: Browser):
    for path, status in (("/auth/owner", 403), ("/auth/link", 401)):
        answer = await browser_of_alice.post(path, data={})
        assert (answer.status_code, "<h1>" in answer.text) == (status, True)


async def test_too_many_links_from_one_address_are_slowed(browser_of_alice: Browser, monkeypatch: pytest.MonkeyPatch):
    from app.services import rates
    from app.services.errors import Limited

    async def full(*_: object) -> None:
        raise Limited("Too many links opened from your address. Try again in 9 seconds.")

    monkeypatch.setattr(rates, "hit", full)
    refused(await browser_of_alice.get("/auth/owner", params={"token": "x"}), "Try again in 9 seconds", 429)
    refused(await browser_of_alice.post("/auth/owner", data={"token": "x"}), "Try again in 9 seconds", 429)
