"""Nothing secret stands in what the running product leaves behind: its log and its data directory, byte by byte.

One tour makes every kind of secret there is and uses each in every way that could be logged or stored, wrong ways too. What the
browser tests of the same run left is read as well: by its form, since nobody knows their secrets here.
"""

import asyncio
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest
import websockets
from websockets.typing import Origin

from app.services import vault
from app.walls import log
from tests.conftest import PUBLIC_URL, ROOT, Running
from tests.engine.test_scan_with_secrets import ADDRESS, KEY, TOKEN, echo

HOST = PUBLIC_URL.removeprefix("http://")
STORED = "s3cret-value-that-was-stored-0815"
TYPED_WRONG = "s3cret-that-was-sent-where-it-does-not-belong"
# These hold keys, and are read by their owner alone. The log is looked at line by line.
KEY_FILES = {"vault_keys", "secret_key"}
# What the suite's browsers held, by its form: our tokens, JWTs, session cookies, private keys, recovery codes.
FORMS = re.compile(
    rb"seam_(?:pat|wst|rt)_[\w-]{40,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{20,}|seam=[\w-]{40,}|\"d\"\s*:\s*\"[\w-]{40,}"
    rb"|\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b"
)
OWNERS_LINK = re.compile(r"\s+http://\S+/auth/owner\?token=[\w-]{43}\s*")  # printed on purpose, at a start without owner

MAKE = """
import asyncio, json, sys
from app import db
from app.services import invitations, recovery_codes, sessions, tokens
from app.services.access import Scope
from app.services.tokens import NewToken

async def main():
    actor = await sessions.actor("seam=" + sys.stdin.read())
    scopes = tuple(scope.value for scope in Scope)
    made = [
        (await tokens.make(actor, NewToken("personal", ("scans:read", "scans:write", "secrets:write"), 7))).secret,
        (await tokens.make(actor, NewToken("workspace", ("scans:read",), 7, "viewer"))).secret,
    ]
    link = (await invitations.make(actor, "viewer")).link
    async with db.transaction() as session:
        codes = await recovery_codes.replace(session, actor)
    await db.close()
    print(json.dumps({"tokens": made, "link": link, "codes": codes}))

asyncio.run(main())
"""


@dataclass
class Toured:
    """The secrets that the tour made and used, by what they are."""

    secrets: dict[str, str] = field(default_factory=dict)
    marks: tuple[str, ...] = ()  # harmless texts that must be found in the database, or the wrong files were read


def leaks(secrets: Iterable[str], contents: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return where a secret stands, as it is or encoded for a URL or JSON; never the secret itself."""
    found: list[str] = []
    for name, content in contents:
        for secret in secrets:
            forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
            found += [f"{name}: {secret[:4]}…" for form in forms if form.encode() in content]
    return found


def left_behind(directory: Path) -> list[tuple[str, bytes]]:
    # Links lead to Node, which is not ours to read.
    files = [path for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink() and path.name not in KEY_FILES]
    return [(path.name, path.read_bytes()) for path in files]


def made_with(seamwatch: Running, cookie: str) -> dict[str, list[str]]:
    """Make tokens, an invitation and recovery codes as the pages do, in a process beside the running one."""
    command = [sys.executable, "-c", MAKE]
    environment = {**seamwatch.environment, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(command, cwd=ROOT, env=environment, input=cookie, capture_output=True, text=True, check=True)
    return json.loads(made.stdout)


async def junk_over_the_socket(port: int, cookie: str) -> None:
    """Send what no client sends: libraries log such an event whole, with the headers of its socket."""
    address = f"ws://{HOST}/_event/?EIO=4&transport=websocket&token={uuid.uuid4()}"
    headers = {"Cookie": f"seam={cookie}", "Authorization": f"Bearer {TYPED_WRONG}"}
    events = [
        {"name": "reflex___state____state.nobody_home", "payload": {"password": TYPED_WRONG}},
        {"name": f"reflex___state____state.hydrate?token={TYPED_WRONG}", "payload": {}},
        {"name": "reflex___state____state.hydrate", "payload": {}, "router_data": {"headers": {"cookie": f"seam={cookie}"}}},
        {"name": "reflex___state____state.setvar", "payload": {"var_name": TYPED_WRONG, "value": TYPED_WRONG}},
        ["no", "event"],
        "x",
    ]
    for event in events:
        connection = websockets.connect(address, additional_headers=headers, origin=Origin(PUBLIC_URL), host="127.0.0.1", port=port)
        async with connection as socket:
            await socket.recv()
            await socket.send("40/_event,")
            assert str(await asyncio.wait_for(socket.recv(), 20)).startswith("40/_event")
            await socket.send(f"42/_event,{json.dumps(['event', event])}")
            with suppress(TimeoutError, websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 0.5)


async def refused_at_a_provider(client: httpx2.AsyncClient) -> str:
    """Come back from a provider with a refusal, whose words are logged. Return the state of that sign-in."""
    asked = await client.get("/auth/login/github")
    state = parse_qs(urlsplit(asked.headers["location"]).query)["state"][0]
    words = f"LEAK_TOUR_WORDS Authorization: Bearer {TYPED_WRONG}"
    await client.get("/auth/callback/github", params={"error": "access_denied", "error_description": words, "state": state})
    return state


@pytest.fixture(scope="module")
def toured(seamwatch: Running) -> Toured:
    return asyncio.run(_tour(seamwatch))


async def _tour(seamwatch: Running) -> Toured:
    secrets: dict[str, str] = {"stored": STORED, "wrong": TYPED_WRONG, "typed": TOKEN, "typed key": KEY, "typed in an address": ADDRESS}
    headers = {"Host": HOST, "Origin": PUBLIC_URL}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{seamwatch.port}", headers=headers, timeout=30) as client:
        # By a link, shown and then used; and the same link again.
        link = (await asyncio.to_thread(seamwatch.owner_link)).partition("token=")[2].partition("&")[0]
        secrets["link"] = link
        await client.get("/auth/owner", params={"token": link})
        signed_in = await client.post("/auth/owner", data={"token": link, "name": "Alice Okoye", "next": "/"})
        await client.post("/auth/owner", data={"token": link, "name": "Alice Okoye"})
        cookie = secrets["session"] = signed_in.cookies["seam"]
        secrets["state"] = await refused_at_a_provider(client)
        client.cookies.clear()
        own = {"Cookie": f"seam={cookie}"}
        made = await asyncio.to_thread(made_with, seamwatch, cookie)
        personal, workspace = made["tokens"]
        secrets |= {"personal token": personal, "workspace token": workspace}
        secrets["invitation"] = str(made["link"]).partition("token=")[2].partition("&")[0]
        secrets |= {f"recovery code {number}": code for number, code in enumerate(made["codes"])}
        await client.get("/auth/invitation", params={"token": secrets["invitation"]})
        await client.post("/auth/second-factor", json={"code": made["codes"][0]}, headers=own)

        # As a program: exchange, refresh twice, give back; and each token where it does not belong.
        bearer = {"Authorization": f"Bearer {personal}"}
        exchange = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": personal,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }
        issued = (await client.post("/api/v1/oauth/token", data=exchange)).json()
        secrets |= {"access token": issued["access_token"], "refresh token": issued["refresh_token"]}
        for _ in range(2):
            refreshed = await client.post(
                "/api/v1/oauth/token", data={"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
            )
            secrets |= {key: value for key, value in refreshed.json().items() if key.endswith("_token")}
        await client.post("/api/v1/oauth/revoke", data={"token": issued["refresh_token"]})
        await client.put("/api/v1/secrets/LEAK_TOUR_NAME", json={"value": STORED}, headers=bearer)
        for path in ("/api/v1/me", "/api/v1/scans/x", "/nowhere", "/auth/callback/google", "/auth/login/nobody", "/download/scans/x.json"):
            for use in ({"token": personal}, {"code": TYPED_WRONG, "state": TYPED_WRONG}):
                await client.get(path, params=use, headers=own)
            await client.get(path, headers={"Authorization": f"Bearer {TYPED_WRONG}"})
            await client.get(path, headers=bearer)
        await client.post("/api/v1/scans", content=f'{{"page_url": "{TYPED_WRONG}"', headers=bearer)
        await client.post("/api/v1/secrets/x", json={"value": TYPED_WRONG}, headers={"Authorization": f"Bearer {workspace}"})
        await client.post("/auth/logout", headers={**own, "Origin": "http://evil.test"}, data={"password": TYPED_WRONG})
        await junk_over_the_socket(seamwatch.port, cookie)

        async with echo() as (page, _), echo() as (api, heads):
            call = {"url": "/me", "headers": {"Authorization": f"Bearer {TOKEN}", "X-Tenant-Key": KEY}}
            asked = {"page_url": f"{page}/?ticket_token={ADDRESS}", "api_url": api, "calls": [call]}
            scan = (await client.post("/api/v1/scans", json=asked, headers=bearer)).json()["id"]
            async with asyncio.timeout(90):
                while (await client.get(f"/api/v1/scans/{scan}", headers=bearer)).json()["status"] not in ("done", "failed"):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            assert any(KEY in head for head in heads), "the scan asked with what was typed"
        await client.post("/auth/logout", headers=own)
    keys = (seamwatch.data_dir / "vault_keys").read_text().split()
    secrets |= {f"key {number}": key for number, key in enumerate(keys)}
    return Toured(secrets, ("LEAK_TOUR_NAME", scan, "Alice Okoye", "sha256:"))


def test_every_kind_of_secret_was_made(toured: Toured):
    assert len(toured.secrets) >= 20
    assert all(len(secret) >= 15 for secret in toured.secrets.values())
    assert len(set(toured.secrets.values())) >= 20


def test_no_secret_of_the_tour_stands_in_the_log_or_in_a_file(toured: Toured, seamwatch: Running):
    contents = left_behind(seamwatch.data_dir)
    database = b"".join(content for name, content in contents if name.startswith("seamwatch.db"))
    assert not [mark for mark in toured.marks if mark.encode() not in database], "these are not the files that the tour wrote to"
    assert {"log", "seamwatch.db"} <= {name for name, _ in contents}
    assert leaks(toured.secrets.values(), contents) == []


def test_nothing_in_the_log_looks_like_a_secret(toured: Toured, seamwatch: Running):
    text = seamwatch.log.read_text(errors="replace")
    assert "LEAK_TOUR_WORDS Authorization: (hidden)" in text, "this is not the log that the tour was written to"
    lines = text.splitlines()
    suspicious = [log.clean(line) for line in lines if log.clean(line) != line and not OWNERS_LINK.fullmatch(line)]
    assert suspicious == []


def test_nothing_in_a_file_looks_like_a_secret(toured: Toured, seamwatch: Running):
    found = [(name, match[0][:12]) for name, content in left_behind(seamwatch.data_dir) for match in FORMS.finditer(content)]
    assert found == []


def test_files_with_keys_and_with_the_database_are_their_owners_alone(toured: Toured, seamwatch: Running):
    files = [path for path in seamwatch.data_dir.iterdir() if path.name in KEY_FILES or path.name.startswith("seamwatch.db")]
    assert {path.name for path in files} >= KEY_FILES
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("where", ["log", "seamwatch.db-wal", "folder/other"])
@pytest.mark.parametrize("written", ["{}", "x{}y", '{{"value": "{}"}}', "seam={}; Path=/"])
def test_the_search_finds_a_canary(tmp_path: Path, where: str, written: str):
    canary = 'canary+"/0123456789'
    path = tmp_path / where
    path.parent.mkdir(exist_ok=True)
    for form in (canary, quote(canary, safe=""), json.dumps(canary)[1:-1]):
        path.write_bytes(b"\0\xff" + written.format(form).encode())
        assert leaks([canary], left_behind(tmp_path)) == [f"{path.name}: cana…"]
    path.write_bytes(b"nothing")
    assert leaks([canary], left_behind(tmp_path)) == []


@pytest.mark.parametrize(
    "canary",
    [
        "seam_pat_" + "a" * 43 + "0a1b2c3d",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "x" * 43,
        "seam=" + "hQ3vXzsW0vJ7c2yQm1uVb8eTn4rK6pLd9aZxYwUtSgE",
        '"d": "hQ3vXzsW0vJ7c2yQm1uVb8eTn4rK6pLd9aZxYwUtSgE"',
        "7H3K9-QWERT-2M4NP",
    ],
)
def test_what_looks_like_a_secret_is_known_by_its_form(canary: str):
    assert FORMS.search(f"\0{canary}\0".encode())
    assert canary.startswith('"d"') or log.clean(canary) != canary
    assert not FORMS.search(vault.Fernet.generate_key())
