"""What each noun of the API does, and that nobody reaches another workspace's things by it."""

import json
from typing import Any

import httpx
import jsonschema
import pytest

from app.core import report_json
from app.services import invitations, scan_queue, scans, stored_secrets
from app.services.access import Role, Scope
from app.services.scan_form import ScanForm
from tests.api.conftest import bearer
from tests.conftest import Cast
from tests.services.reports import finding, report
from tests.services.signed_in import add_member, signed_in
from tests.services.token_making import of_workspace, personal

V1 = "/api/v1"
PAGE = {"page_url": "http://app.test/"}


async def public_id(program: httpx.AsyncClient, headers: dict[str, str]) -> str:
    return (await program.get(f"{V1}/me", headers=headers)).json()["user"]["id"]


# Scans


async def test_a_scan_is_started_followed_read_and_ended(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    call = {"method": "PUT", "url": "/api/items/1", "headers": {"X-Api-Key": "demo"}, "credentials": "include"}
    started = await program.post(f"{V1}/scans", headers=alices, json=PAGE | {"calls": [call]})
    assert (started.status_code, started.json()["status"]) == (202, "queued")
    scan_id = started.json()["id"]
    assert started.headers["location"] == f"{V1}/scans/{scan_id}"
    assert (await program.get(f"{V1}/scans/{scan_id}/report", headers=alices)).status_code == 404
    claim = await scan_queue.claim("worker")
    assert claim is not None
    await scan_queue.finish(claim, report(finding("COR-01")))
    shown = (await program.get(f"{V1}/scans/{scan_id}", headers=alices)).json()
    assert (shown["status"], shown["has_report"], shown["created_by"]) == ("done", True, "Alice")
    assert shown["asked_calls"] == [{"method": "PUT", "url": "http://app.test/api/items/1", "credentials": "include"}]
    read = await program.get(f"{V1}/scans/{scan_id}/report", headers=alices)
    jsonschema.Draft202012Validator(report_json.schema()).validate(read.json())
    assert read.json()["findings"][0]["code"] == "COR-01"
    again = await program.post(f"{V1}/scans/{scan_id}/rescan", headers=alices)
    assert (again.status_code, again.json()["id"] != scan_id) == (202, True)
    assert (await program.post(f"{V1}/scans/{again.json()['id']}/cancel", headers=alices)).status_code == 204
    assert (await program.get(f"{V1}/scans/{again.json()['id']}", headers=alices)).json()["status"] == "cancelled"
    assert (await program.delete(f"{V1}/scans/{scan_id}", headers=alices)).status_code == 204
    assert (await program.get(f"{V1}/scans/{scan_id}", headers=alices)).status_code == 404
    assert (await program.post(f"{V1}/scans/{scan_id}/restore", headers=alices)).status_code == 204
    listed = (await program.get(f"{V1}/scans", headers=alices)).json()
    assert [item["id"] for item in listed["items"]] == [again.json()["id"], scan_id]
    assert (listed["page"], listed["pages"], listed["total"]) == (1, 1, 2)


async def test_a_workspace_token_scans_on_its_makers_account(program: httpx.AsyncClient, cast: Cast):
    headers = bearer((await of_workspace(cast.alice, "editor", "scans:read", "scans:write")).secret)
    scan_id = (await program.post(f"{V1}/scans", headers=headers, json=PAGE)).json()["id"]
    assert (await program.get(f"{V1}/scans/{scan_id}", headers=headers)).json()["created_by"] == "Alice"


async def test_more_than_one_page_is_parted(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str], configure: pytest.MonkeyPatch):
    for _ in range(3):
        await scans.start(cast.alice, ScanForm("http://app.test/"))
    configure.setattr(scans, "PAGE_SIZE", 2)
    pages = [(await program.get(f"{V1}/scans", headers=alices, params={"page": number})).json() for number in (1, 2, 9)]
    assert [(len(page["items"]), page["page"], page["pages"], page["total"]) for page in pages] == [
        (2, 1, 2, 3),
        (1, 2, 2, 3),
        (1, 2, 2, 3),
    ]
    for wrong in ("0", "-1", "x", "1e3", "99999999999999999999"):
        assert (await program.get(f"{V1}/scans", headers=alices, params={"page": wrong})).json()["error"]["fields"].keys() == {"page"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "page_url"),
        ({"page_url": 5}, "page_url"),
        ({"page_url": ["http://app.test/"]}, "page_url"),
        ({"page_url": "no address"}, "page_url"),
        ({"page_url": "x" * 4001}, "page_url"),
        (PAGE | {"api_url": None}, "api_url"),
        (PAGE | {"workspace_id": 2}, "workspace_id"),
        (PAGE | {"created_by": 1, "status": "done"}, "created_by"),
        (PAGE | {"calls": {}}, "calls"),
        (PAGE | {"calls": [{"url": "/x"}] * 21}, "calls"),
        (PAGE | {"calls": [{"url": "/x"}, {"url": "/y", "method": "P U T"}]}, "calls.1.method"),
        (PAGE | {"calls": [{"url": "/x", "evil": 1}]}, "calls.0.evil"),
        (PAGE | {"calls": [{"url": "/x", "credentials": "all"}]}, "calls.0.credentials"),
        (PAGE | {"calls": [{"url": "/x", "headers": {"a b": "c"}}]}, "calls.0.headers"),
        (PAGE | {"calls": [{"url": "/x", "headers": [["a", "b"]]}]}, "calls.0.headers"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_used_is_named_by_its_field(program: httpx.AsyncClient, alices: dict[str, str], body: Any, field: str):
    answer = await program.post(f"{V1}/scans", headers=alices, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert field in answer.json()["error"]["fields"]
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("half", ["\\ud800", "a\\udc00b"])
async def test_half_a_surrogate_pair_is_refused_wherever_it_stands(program: httpx.AsyncClient, alices: dict[str, str], half: str):
    for call in (f'{{"url": "{half}"}}', f'{{"url": "/x", "headers": {{"{half}": "v"}}}}', f'{{"url": "/x", "{half}": 1}}'):
        body = f'{{"page_url": "http://app.test/", "calls": [{call}]}}'
        answer = await program.post(f"{V1}/scans", headers=alices | {"content-type": "application/json"}, content=body.encode())
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"[" * 100_000, b'{"page_url": NaN}', b"{}" * 2])
async def test_a_body_that_is_no_object_is_refused(program: httpx.AsyncClient, alices: dict[str, str], body: bytes):
    answer = await program.post(f"{V1}/scans", headers=alices | {"content-type": "application/json"}, content=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["code"] in ("bad_request", "invalid")


async def test_a_body_that_is_too_large_is_refused(program: httpx.AsyncClient, alices: dict[str, str]):
    answer = await program.post(f"{V1}/scans", headers=alices, json={"page_url": "x" * 1_100_000})
    assert answer.status_code == 413


async def test_a_value_that_was_refused_is_not_repeated(program: httpx.AsyncClient, alices: dict[str, str]):
    answer = await program.put(f"{V1}/secrets/KEY", headers=alices, json={"value": {"hunter2": "hunter2"}})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


# Another workspace


async def test_charlies_token_finds_nothing_of_alices_and_learns_nothing_of_what_there_is(
    program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]
):
    charlies = bearer((await personal(cast.charlie, *Scope)).secret)
    scan_id = await scans.start(cast.alice, ScanForm("http://app.test/"))
    deleted = await scans.start(cast.alice, ScanForm("http://app.test/"))
    await scans.delete(cast.alice, deleted)
    await stored_secrets.put(cast.alice, "KEY", "value")
    secret_id = (await stored_secrets.list_(cast.alice))[0].id
    invitation_id = (await invitations.make(await signed_in(cast.alice), "viewer")).row.id
    bob = await add_member("Dora", Role.VIEWER, cast.alice)
    tries = [
        ("GET", "/scans/{}", scan_id, None),
        ("GET", "/scans/{}/report", scan_id, None),
        ("POST", "/scans/{}/cancel", scan_id, None),
        ("POST", "/scans/{}/rescan", scan_id, None),
        ("POST", "/scans/{}/restore", deleted, None),
        ("DELETE", "/scans/{}", scan_id, None),
        ("DELETE", "/secrets/{}", secret_id, None),
        ("DELETE", "/invitations/{}", invitation_id, None),
        ("PATCH", "/members/{}", bob.user_public_id, {"role": "admin"}),
        ("DELETE", "/members/{}", bob.user_public_id, None),
    ]
    for method, path, theirs, body in tries:
        answers = [
            await program.request(method, V1 + path.format(some_id), headers=charlies, json=body)
            for some_id in (theirs, "AAAAAAAAAAAAAAAA", "%00", "..%2f..", "' OR 1=1 --", "x" * 64)
        ]
        assert {answer.status_code for answer in answers} == {404}, (method, path)
        assert len({answer.text for answer in answers[:2]}) == 1, (method, path)
    for path in ("/scans", "/secrets", "/invitations"):
        assert (await program.get(V1 + path, headers=charlies)).json()["items"] == []
    assert [item["name"] for item in (await program.get(f"{V1}/members", headers=charlies)).json()["items"]] == ["Charlie"]
    told = json.dumps((await program.get(f"{V1}/audit", headers=charlies)).json())
    assert scan_id not in told
    assert "KEY" not in told
    # And it is all still there.
    assert (await program.get(f"{V1}/scans/{scan_id}", headers=alices)).status_code == 200
    assert len((await program.get(f"{V1}/secrets", headers=alices)).json()["items"]) == 1


# Members and invitations


async def test_members_are_listed_changed_and_removed(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    dora = await add_member("Dora", Role.VIEWER, cast.alice)
    doras = bearer((await personal(dora)).secret)
    path = f"{V1}/members/{dora.user_public_id}"
    assert (await program.patch(path, headers=alices, json={"role": "editor"})).status_code == 204
    shown = {item["name"]: item["role"] for item in (await program.get(f"{V1}/members", headers=alices)).json()["items"]}
    assert shown == {"Alice": "owner", "Bob": "editor", "Dora": "editor"}
    for wrong in ({"role": "owner"}, {"role": "root"}, {}, {"role": "viewer", "user_id": 1}, {"role": 1}):
        assert (await program.patch(path, headers=alices, json=wrong)).status_code == 422
    assert (await program.delete(path, headers=alices)).status_code == 204
    assert (await program.delete(path, headers=alices)).status_code == 404
    from app.services import bearers

    bearers.forget()
    assert (await program.get(f"{V1}/me", headers=doras)).status_code == 401


async def test_an_owner_is_neither_changed_nor_removed(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    path = f"{V1}/members/{await public_id(program, alices)}"
    admins = bearer((await of_workspace(cast.alice, "admin", "workspace:write")).secret)
    for headers in (alices, admins):
        assert (await program.patch(path, headers=headers, json={"role": "viewer"})).status_code == 409
        assert (await program.delete(path, headers=headers)).status_code == 409


async def test_somebody_is_invited_and_the_invitation_taken_back(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    made = await program.post(f"{V1}/invitations", headers=alices, json={"role": "viewer", "note": "Eve", "days": 3})
    assert made.status_code == 201
    token = made.json()["link"].partition("token=")[2]
    assert (await invitations.offer(token)).role is Role.VIEWER
    (item,) = (await program.get(f"{V1}/invitations", headers=alices)).json()["items"]
    assert item.items() >= {"note": "Eve", "state": "open", "created_by": "Alice"}.items()
    assert token not in json.dumps(item)
    assert (await program.delete(f"{V1}/invitations/{item['id']}", headers=alices)).status_code == 204
    assert (await program.get(f"{V1}/invitations", headers=alices)).json()["items"][0]["state"] == "revoked"
    for wrong in ({}, {"role": "owner"}, {"role": "viewer", "days": 0}, {"role": "viewer", "days": "3"}, {"role": "viewer", "link": "x"}):
        assert (await program.post(f"{V1}/invitations", headers=alices, json=wrong)).status_code == 422


# Secrets


async def test_a_secret_goes_in_and_never_comes_out(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    assert (await program.put(f"{V1}/secrets/SMTP_PASSWORD", headers=alices, json={"value": "hunter2"})).status_code == 201
    assert (await program.put(f"{V1}/secrets/SMTP_PASSWORD", headers=alices, json={"value": "hunter3"})).status_code == 204
    listed = await program.get(f"{V1}/secrets", headers=alices)
    (item,) = listed.json()["items"]
    assert (item["name"], item["created_by"]) == ("SMTP_PASSWORD", "Alice")
    assert "hunter" not in listed.text + (await program.get(f"{V1}/audit", headers=alices)).text
    assert await stored_secrets.value(cast.alice.workspace_id, "SMTP_PASSWORD") == "hunter3"
    for name, body in (
        ("1x", {"value": "v"}),
        ("a-b", {"value": "v"}),
        ("x" * 65, {"value": "v"}),
        ("X", {"value": ""}),
        ("X", {"value": "v", "sealed": "x"}),
    ):
        assert (await program.put(f"{V1}/secrets/{name}", headers=alices, json=body)).status_code == 422
    assert (await program.delete(f"{V1}/secrets/{item['id']}", headers=alices)).status_code == 204
    assert (await program.get(f"{V1}/secrets", headers=alices)).json()["items"] == []


# Audit, workspace


async def test_the_log_is_read_page_by_page_and_filtered(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    for number in range(55):
        await stored_secrets.put(cast.alice, f"KEY_{number}", "v")
    first = (await program.get(f"{V1}/audit", headers=alices)).json()
    second = (await program.get(f"{V1}/audit", headers=alices, params={"before": first["next"]})).json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (50, 6, None)
    assert {item["id"] for item in first["items"]}.isdisjoint(item["id"] for item in second["items"])
    found = (await program.get(f"{V1}/audit", headers=alices, params={"action": "token", "actor": "alice"})).json()
    assert [item["action"] for item in found["items"]] == ["token.made"]
    for wrong in ({"since": "yesterday"}, {"since": "2026-03-29T12:00:00"}, {"before": "-1"}, {"before": str(2**63)}, {"workspace": "1"}):
        answer = await program.get(f"{V1}/audit", headers=alices, params=wrong)
        assert (answer.status_code, answer.json()["error"]["fields"].keys()) == (422, wrong.keys())


async def test_a_token_is_named_in_the_log_of_what_it_did(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    ours = bearer((await of_workspace(cast.alice, "editor", "secrets:write")).secret)
    await program.put(f"{V1}/secrets/A", headers=alices, json={"value": "v"})
    await program.put(f"{V1}/secrets/B", headers=ours, json={"value": "v"})
    items = (await program.get(f"{V1}/audit", headers=alices, params={"action": "secret"})).json()["items"]
    assert [(item["actor_kind"], item["actor_name"], item["target"]) for item in items] == [
        ("token", "deploy (workspace token)", "B"),
        ("token", "Alice (token ci)", "A"),
    ]
    assert all(item["address"] == "127.0.0.1" for item in items)


async def test_the_workspace_describes_itself(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    shown = (await program.get(f"{V1}/workspace", headers=alices)).json()
    assert shown.items() >= {"name": "Alice's workspace", "role": "owner", "members": 2, "audit_days": 365}.items()


# Edges


async def test_a_method_that_an_endpoint_does_not_have_is_told_which_it_has(program: httpx.AsyncClient, alices: dict[str, str]):
    answer = await program.put(f"{V1}/scans/AAAAAAAAAAAAAAAA", headers=alices)
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    for method in ("HEAD", "OPTIONS"):
        assert (await program.request(method, f"{V1}/scans", headers=alices)).headers["allow"] == "GET, POST"
    assert (await program.get(f"{V1}/scan", headers=alices)).status_code == 404


async def test_no_answer_for_a_token_may_be_kept_by_others(program: httpx.AsyncClient, alices: dict[str, str]):
    for path in ("/me", "/scans", "/members"):
        assert (await program.get(V1 + path, headers=alices)).headers["cache-control"] in ("private, no-cache", "no-store")


async def test_a_bug_answers_in_the_same_shape_and_tells_nothing(cast: Cast, alices: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    from app import web

    async def broken(*_arguments: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(scans, "list_", broken)
    transport = httpx.ASGITransport(web.Guard(web.api), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as client:
        answer = await client.get(f"{V1}/scans", headers=alices)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "hunter2" not in answer.text
