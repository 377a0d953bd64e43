"""Programs have watched what a report proposes."""

import httpx

from app.services.access import Scope
from tests.api.conftest import bearer
from tests.conftest import Cast
from tests.services.test_watching import scanned
from tests.services.token_making import personal

V1 = "/api/v1"


async def test_a_program_has_watched_what_a_report_proposes(program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]):
    path = f"{V1}/scans/{await scanned(cast.alice)}"
    found = (await program.get(f"{path}/proposals", headers=alices)).json()
    ticked = [one for one in found["proposals"] if one["ticked"]]
    assert (found["site_name"], found["site_id"], {one["already"] for one in found["proposals"]}) == ("app.shop.com", "", {False})
    first = await program.post(
        f"{path}/watch",
        headers=alices,
        json={"choices": [{"key": ticked[0]["key"], "name": "Mine", "interval_s": 30}], "site_name": "Shop"},
    )
    assert (first.status_code, len(first.json()["monitors"]), first.json()["site_name"]) == (201, 1, "Shop")
    rest = await program.post(f"{path}/watch", headers=alices, json={})
    assert (rest.status_code, len(rest.json()["monitors"])) == (201, len(ticked) - 1)
    again = await program.post(f"{path}/watch", headers=alices, json={})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    wrong = await program.post(f"{path}/watch", headers=alices, json={"choices": [{"key": "nothing"}]})
    assert (wrong.status_code, list(wrong.json()["error"]["fields"])) == (422, ["keys"])


async def test_a_program_that_may_not_see_monitors_is_not_told_which_there_are(
    program: httpx.AsyncClient, cast: Cast, alices: dict[str, str]
):
    path = f"{V1}/scans/{await scanned(cast.alice)}"
    await program.post(f"{path}/watch", headers=alices, json={})
    reads = bearer((await personal(cast.alice, Scope.SCANS_READ)).secret)
    found = (await program.get(f"{path}/proposals", headers=reads)).json()
    assert (found["site_id"], {one["already"] for one in found["proposals"]}) == ("", {False})
