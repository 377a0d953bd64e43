"""Who a check says it is: tokens by client credentials, client certificates; and what the connection's certificate tells."""

import asyncio
import base64
import datetime
import json
import ssl
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme

from app.core.ask import Ask, Basic, ClientCertificate, ClientCredentials
from app.core.assertions import Assertion, Operator, Subject
from app.core.checked import Checked
from app.core.checks import ApiCheck
from app.core.incident import Outcome
from app.core.results import Cause
from app.net import AddressPolicy, Net
from app.probes import access_token, http_check
from app.probes.tools import Tools
from tests.loopback import Serve, Server

SECRET = "s3cr3t/+ü"


def page(status: str = "200 OK", body: str = "hi", *headers: str) -> bytes:
    raw = body.encode()
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", *headers, "", ""]).encode() + raw


async def run(net: Net, url: str, *, timeout_s: float = 5, **options) -> Checked:
    return await http_check.run(ApiCheck(Ask(url, **options)), Tools(net, timeout_s, datetime.datetime.now(datetime.UTC)))


class Issuer:
    """A token endpoint that says what a test wants, and remembers what it was asked."""

    def __init__(self, *answers: tuple[str, object]) -> None:
        self.answers = list(answers)
        self.forms: list[dict[str, str]] = []
        self.heads: list[str] = []
        self.server: Server | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.server is not None
        head = self.server.requests[-1].decode()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
        self.heads.append(head)
        self.forms.append({name: values[0] for name, values in parse_qs((await reader.readexactly(length)).decode()).items()})
        status, body = self.answers[min(len(self.forms), len(self.answers)) - 1]
        writer.write(page(status, body if isinstance(body, str) else json.dumps(body), "Content-Type: application/json"))

    async def start(self, serve: Serve) -> ClientCredentials:
        self.server = await serve(self)
        return ClientCredentials(f"{self.server.url}token", "client:1", SECRET, "read write")


def granted(token: str = "token-1", expires_in: object = 3600) -> tuple[str, object]:
    return "200 OK", {"access_token": token, "token_type": "Bearer", "expires_in": expires_in}


async def test_a_token_is_fetched_once_and_kept_until_it_ends(net: Net, serve: Serve):
    issuer = Issuer(granted("a"), granted("b"))
    client, api = await issuer.start(serve), await serve(page())
    for _ in range(3):
        assert (await run(net, api.url, auth=client)).outcome is Outcome.UP
    assert issuer.forms == [{"grant_type": "client_credentials", "scope": "read write"}]
    pair = base64.b64encode(b"client%3A1:s3cr3t%2F%2B%C3%BC").decode()
    assert f"Authorization: Basic {pair}\r\n" in issuer.heads[0]
    assert all(b"Authorization: Bearer a\r\n" in request for request in api.requests)


async def test_however_long_a_token_is_said_to_last_it_is_used(net: Net, serve: Serve):
    client, api = await Issuer(granted("a", 10**400)).start(serve), await serve(page())
    assert (await run(net, api.url, auth=client)).outcome is Outcome.UP


async def test_another_secret_does_not_get_the_kept_token(net: Net, serve: Serve):
    issuer = Issuer(granted("a"), ("401 Unauthorized", {"error": "invalid_client"}))
    client, api = await issuer.start(serve), await serve(page())
    await run(net, api.url, auth=client)
    found = await run(net, api.url, auth=ClientCredentials(client.token_url, client.client_id, "guessed", client.scope))
    assert (found.outcome, found.cause, len(api.requests)) == (Outcome.DOWN, Cause.LOGIN, 1)
    assert found.text == f"No token: {client.token_url} answers 401, invalid_client."


async def test_a_short_token_is_fetched_anew_when_it_is_over(net: Net, serve: Serve):
    issuer = Issuer(granted("a", 0), granted("b", "soon"))
    client, api = await issuer.start(serve), await serve(page())
    await run(net, api.url, auth=client)
    await run(net, api.url, auth=client)
    await run(net, api.url, auth=client)  # of the second nobody knows how long it lasts: a minute
    assert len(issuer.forms) == 2
    assert b"Bearer b\r\n" in api.requests[2]


async def test_checks_at_once_wait_for_one_token(net: Net, serve: Serve):
    issuer = Issuer(granted())
    client, api = await issuer.start(serve), await serve(page())
    found = await asyncio.gather(*(run(net, api.url, auth=client) for _ in range(5)))
    assert {checked.outcome for checked in found} == {Outcome.UP}
    assert len(issuer.forms) == 1


async def test_checks_that_wait_for_a_token_that_never_comes_end_with_the_first_one(net: Net, serve: Serve):
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server, api = await serve(silent), await serve(page())
    client = ClientCredentials(server.url, "a", "b")
    found = await asyncio.gather(*(run(net, api.url, auth=client, timeout_s=0.3) for _ in range(10)))
    assert server.connections == 1
    assert {(checked.outcome, checked.cause) for checked in found} == {(Outcome.DOWN, Cause.TIMEOUT)}


async def test_a_token_that_was_withdrawn_is_fetched_anew_once(net: Net, serve: Serve):
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(page() if b"Bearer b" in api.requests[-1] else page("401 Unauthorized"))

    issuer = Issuer(granted("a"), granted("b"))
    client, api = await issuer.start(serve), await serve(answer)
    assert (await run(net, api.url, auth=client)).outcome is Outcome.UP
    assert (len(issuer.forms), len(api.requests)) == (2, 2)


async def test_an_api_that_takes_no_token_is_down_by_login(net: Net, serve: Serve):
    issuer = Issuer(granted("a"), granted("b"))
    client, api = await issuer.start(serve), await serve(page("401 Unauthorized"))
    found = await run(net, api.url, auth=client)
    assert (found.outcome, found.cause, len(api.requests)) == (Outcome.DOWN, Cause.LOGIN, 2)
    assert (await run(net, api.url, auth=Basic("ada", "x"))).cause is Cause.LOGIN
    assert (await run(net, api.url)).cause is Cause.ASSERTION


async def test_a_server_that_wants_the_secret_in_the_body_gets_it_there(net: Net, serve: Serve):
    issuer = Issuer(("401 Unauthorized", {"error": "invalid_client"}), granted("a", 0), granted("b"))
    client, api = await issuer.start(serve), await serve(page())
    assert (await run(net, api.url, auth=client)).outcome is Outcome.UP
    assert issuer.forms[1]["client_secret"] == SECRET
    assert "Authorization" not in issuer.heads[1]
    await run(net, api.url, auth=client)
    assert len(issuer.forms) == 3  # what it wants is known by now
    assert issuer.forms[2]["client_id"] == "client:1"


async def test_neither_token_nor_secret_is_in_what_is_found(net: Net, serve: Serve):
    issuer = Issuer(granted("token-that-is-secret"))
    client, api = await issuer.start(serve), await serve(page("500 Oops", "you sent token-that-is-secret", "X-You: token-that-is-secret"))
    found = await run(net, api.url, auth=client)
    assert "token-that-is-secret" not in repr(found) + repr(found.exchanges[0].body)
    assert SECRET not in repr(access_token._kept)


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (("400 Bad Request", {"error": "invalid_scope"}), Cause.LOGIN, "answers 400, invalid_scope."),
        (("503 Unavailable", "<p>"), Cause.PROTOCOL, "answers 503."),
        (("302 Found", ""), Cause.PROTOCOL, "answers 302."),
        (("200 OK", "<html>"), Cause.PROTOCOL, "without an access_token"),
        (("200 OK", {"access_token": "a\r\nb"}), Cause.PROTOCOL, "without an access_token"),
        (("200 OK", {"access_token": "a", "token_type": "mac"}), Cause.PROTOCOL, "of type mac, not Bearer"),
    ],
)
async def test_no_token_is_down_and_says_why(net: Net, serve: Serve, answer: tuple[str, object], cause: Cause, words: str):
    client, api = await Issuer(answer).start(serve), await serve(page())
    found = await run(net, api.url, auth=client)
    assert (found.outcome, found.cause, api.requests) == (Outcome.DOWN, cause, [])
    assert found.text.startswith("No token: ")
    assert words in found.text
    assert len(found.exchanges) == 1


async def test_a_token_endpoint_that_does_not_answer_is_down(net: Net, serve: Serve):
    client = ClientCredentials("http://127.0.0.1:1/token", "a", "b")
    found = await run(net, (await serve(page())).url, auth=client)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.CONNECT)


# TLS.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def context(authority: trustme.CA, *, days: float = 90, asks: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    authority.issue_cert("localhost", not_before=ends - datetime.timedelta(days=365), not_after=ends).configure_cert(made)
    if asks:
        made.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(made)
    return made


def private_net(ca_file: str) -> Net:
    return Net(AddressPolicy("private"), user_agent="x", ca_file=ca_file)


def identity(authority: trustme.CA) -> ClientCertificate:
    issued = authority.issue_cert("client@seamwatch.example")
    return ClientCertificate("".join(pem.bytes().decode() for pem in issued.cert_chain_pems), issued.private_key_pem.bytes().decode())


async def test_a_client_certificate_is_shown_to_who_asks_for_it(serve: Serve, authority: trustme.CA, ca_file: str):
    server = await serve(page(), tls=context(authority, asks=True))
    url = f"https://localhost:{server.port}/"
    async with private_net(ca_file) as net:
        assert (await run(net, url, auth=identity(authority), new_connection=False)).outcome is Outcome.UP
        without = await run(net, url, new_connection=False)  # and its connection is not used by others
        assert (without.outcome, without.cause) == (Outcome.DOWN, Cause.TLS)
        assert server.connections >= 1


async def test_a_client_certificate_does_not_go_to_another_origin(serve: Serve, authority: trustme.CA, ca_file: str):
    inner = await serve(page(), tls=context(authority, asks=True))
    outer = await serve(page("302 Found", "", f"Location: https://localhost:{inner.port}/"), tls=context(authority))
    async with private_net(ca_file) as net:
        found = await run(net, f"https://localhost:{outer.port}/", auth=identity(authority))
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TLS)


@pytest.mark.parametrize("broken", ["nothing", "other key", "locked"])
async def test_a_client_certificate_that_cannot_be_used_is_a_fault_of_the_configuration(
    serve: Serve, authority: trustme.CA, ca_file: str, broken: str
):
    good = identity(authority)
    keys = {
        "nothing": "no PEM at all",
        "other key": identity(authority).key,
        "locked": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    }
    server = await serve(page(), tls=context(authority))
    async with private_net(ca_file) as net:
        found = await run(net, f"https://localhost:{server.port}/", auth=ClientCertificate(good.certificate, keys[broken]))
    assert (found.outcome, found.cause) == (Outcome.UNKNOWN, Cause.CONFIGURATION)
    assert "client certificate" in found.text


@pytest.mark.parametrize(("days", "outcome"), [(90, Outcome.UP), (7, Outcome.DOWN)])
async def test_the_days_of_the_certificate_are_those_of_the_connection(
    serve: Serve, authority: trustme.CA, ca_file: str, days: float, outcome: Outcome
):
    server = await serve(page(), tls=context(authority, days=days))
    longer = Assertion(Subject.CERTIFICATE, Operator.ABOVE, "14")
    async with private_net(ca_file) as net:
        for _ in range(2):  # the second time libcurl could resume the session, in which no certificate is shown
            found = await run(net, f"https://localhost:{server.port}/", assertions=(longer,), new_connection=False)
            assert found.outcome is outcome
            assert float(found.findings[0].found) == pytest.approx(days, abs=0.2)
            assert found.facts[0][0] == "certificate ends"


async def test_without_tls_there_are_no_days(net: Net, serve: Serve):
    found = await run(net, (await serve(page())).url, assertions=(Assertion(Subject.CERTIFICATE, Operator.ABOVE, "1"),))
    assert (found.outcome, found.findings[0].problem) == (Outcome.DOWN, "the connection is not encrypted")


# Bodies.


async def test_a_body_that_breaks_off_is_down(net: Net, serve: Serve):
    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    found = await run(net, (await serve(cut)).url)
    assert (found.outcome, found.cause, found.code) == (Outcome.DOWN, Cause.PROTOCOL, 200)

    async def stuck(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(60)

    found = await run(net, (await serve(stuck)).url, timeout_s=0.3)
    assert (found.outcome, found.cause) == (Outcome.DOWN, Cause.TIMEOUT)


async def test_large_bodies_are_looked_at_beside_the_loop(net: Net, serve: Serve):
    body = json.dumps({"items": [{"id": number, "name": "x" * 20} for number in range(5_000)]})
    schema = json.dumps({"type": "object", "required": ["items"], "properties": {"items": {"items": {"required": ["id", "name"]}}}})
    wanted = (
        Assertion(Subject.JSON, Operator.IS, "4999", "$.items[-1].id"),
        Assertion(Subject.SCHEMA, Operator.MATCHES, schema),
        Assertion(Subject.BODY, Operator.MATCHES, "x{20}"),
    )
    found = await run(net, (await serve(page("200 OK", body))).url, assertions=wanted)
    assert [finding.held for finding in found.findings] == [True] * 3
