"""What programs do with monitors and what frames them."""

from typing import Any

import httpx

from app.services import monitors
from tests.conftest import Cast

V1 = "/api/v1"
PAGE: dict[str, Any] = {"name": "Shop", "kind": "page", "check": {"ask": {"url": "https://shop.example/"}}, "labels": {"team": "web"}}


async def test_a_monitor_is_made_read_changed_and_deleted(program: httpx.AsyncClient, alices: dict[str, str]):
    made = await program.post(f"{V1}/monitors", headers=alices, json=PAGE | {"tags": ["eu"], "interval_s": 30})
    assert (made.status_code, made.json()["status"], made.json()["labels"]) == (201, "pending", {"team": "web"})
    one = made.headers["location"]
    assert (await program.get(one, headers=alices)).json() == made.json()
    changed = await program.patch(one, headers=alices, json={"name": "Store", "labels": {}})
    assert [changed.json()[key] for key in ("name", "labels", "tags", "interval_s")] == ["Store", {}, ["eu"], 30]
    anew = await program.put(one, headers=alices, json=PAGE)
    assert [anew.json()[key] for key in ("name", "labels", "tags", "interval_s")] == ["Shop", {"team": "web"}, [], 60]
    for verb, status in (("pause", "paused"), ("resume", "pending")):
        assert (await program.post(f"{one}/{verb}", headers=alices)).status_code == 204
        assert (await program.get(one, headers=alices)).json()["status"] == status
    assert (await program.post(f"{one}/check", headers=alices)).status_code == 202
    copy = await program.post(f"{one}/clone", headers=alices)
    listed = (await program.get(f"{V1}/monitors", headers=alices, params={"text": "shop"})).json()
    assert [(item["name"], item["status"]) for item in listed["items"]] == [("Shop", "pending"), ("Shop (copy)", "paused")]
    bulk = {"ids": [made.json()["id"], copy.json()["id"]], "interval_s": 20, "add_tags": ["a"]}
    assert (await program.post(f"{V1}/monitors/bulk", headers=alices, json=bulk)).json() == {"count": 2}
    assert (await program.delete(one, headers=alices)).status_code == 204
    assert (await program.get(one, headers=alices)).status_code == 404
    assert (await program.post(f"{one}/restore", headers=alices)).status_code == 204
    assert (await program.get(f"{one}/latency", headers=alices, params={"window": "1h"})).json()["checks"] == 0
    assert (await program.get(f"{one}/results", headers=alices)).json() == {"items": [], "next_before_ms": None}
    assert (await program.get(f"{one}/incidents", headers=alices)).json()["total"] == 0


async def test_faults_of_a_monitor_are_told_by_field(program: httpx.AsyncClient, alices: dict[str, str]):
    wrong = PAGE | {"interval_s": 1, "check": {"ask": {"url": "shop"}}}
    answer = await program.post(f"{V1}/monitors", headers=alices, json=wrong)
    assert (answer.status_code, answer.json()["error"]["fields"].keys()) == (422, {"check.ask", "interval_s"})
    assert (await program.post(f"{V1}/monitors", headers=alices, json=PAGE | {"colour": "red"})).json()["error"]["fields"].keys() == {
        "colour"
    }


async def test_every_kinds_defaults_are_told(program: httpx.AsyncClient, alices: dict[str, str]):
    beat = (await program.get(f"{V1}/monitors/defaults/heartbeat", headers=alices)).json()
    made = await program.post(f"{V1}/monitors", headers=alices, json=beat | {"name": "Backup"})
    assert "/ping/" in made.json()["heartbeat_url"]
    again = await program.post(f"{made.headers['location']}/address", headers=alices)
    assert again.json()["heartbeat_url"] != made.json()["heartbeat_url"]
    assert (await program.get(f"{made.headers['location']}/calls", headers=alices)).json() == {"items": []}
    assert (await program.get(f"{V1}/monitors/defaults/nothing", headers=alices)).status_code == 422


async def test_sites_groups_and_windows_are_made_changed_and_deleted(program: httpx.AsyncClient, alices: dict[str, str]):
    once = {"name": "Store", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T01:00:00+00:00"}
    for noun, made, changed in (
        ("sites", {"name": "Shop", "page_url": "https://shop.example/"}, {"name": "Store", "page_url": "https://shop.example/"}),
        ("groups", {"name": "Shop"}, {"name": "Store"}),
        ("maintenance", {"name": "Shop", "cron": "* * * * *", "duration_s": 60}, once),
    ):  # fmt: skip
        answer = await program.post(f"{V1}/{noun}", headers=alices, json=made)
        assert answer.status_code == 201, answer.text
        one = f"{V1}/{noun}/{answer.json()['id']}"
        assert (await program.put(one, headers=alices, json=changed)).status_code == 204
        (item,) = (await program.get(f"{V1}/{noun}", headers=alices)).json()["items"]
        assert item["name"] == "Store"
        assert (await program.delete(one, headers=alices)).status_code == 204
        assert (await program.get(f"{V1}/{noun}", headers=alices)).json() == {"items": []}
    assert (await program.get(f"{V1}/incidents", headers=alices)).json() == {"items": [], "page": 1, "pages": 1, "total": 0}


async def test_another_workspaces_monitor_is_not_there(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    theirs = await monitors.create(cast.charlie, monitors.Draft("Shop", "page", PAGE["check"]))
    ways = (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/results"), ("GET", "/latency"), ("POST", "/check"))
    answers = [
        [
            (found.status_code, found.text)
            for method, rest in ways
            for found in [await program.request(method, f"{V1}/monitors/{public_id}{rest}", headers=alices)]
        ]
        for public_id in (theirs.id, "A" * 16)
    ]
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} == {404}
