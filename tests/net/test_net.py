import asyncio
from pathlib import Path

import pytest

from app.core.exchange import Failure
from app.net import AddressPolicy, Net
from tests.loopback import Serve

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "[::1]", "[::ffff:127.0.0.1]", "localhost", "[2002:7f00:1::]"]
)
async def test_public_mode_refuses_every_way_to_write_loopback(serve: Serve, host: str):
    server = await serve(OK)
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        received = await net.request("GET", f"http://{host}:{server.port}/")
        assert received.failure is Failure.REFUSED_ADDRESS
        assert received.failure_text == "This address is private. Run Seamwatch inside that network, or drop a HAR file."
    assert server.connections == 0


@pytest.mark.parametrize("mode", ["public", "listed", "private"])
@pytest.mark.parametrize("ip", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"])
async def test_metadata_address_is_refused_in_every_mode_also_behind_a_name(mode: str, ip: str):
    policy = AddressPolicy(mode, allow=("169.254.0.0/16",))
    async with Net(policy, user_agent="x", resolve={"meta.example:80": ip}) as net:
        literal = f"[{ip}]" if ":" in ip else ip
        for host in (literal, "meta.example"):
            received = await net.request("GET", f"http://{host}/latest/meta-data/")
            assert received.failure is Failure.REFUSED_ADDRESS


async def test_name_that_is_rebound_to_a_private_address_is_judged_again(serve: Serve):
    server = await serve(OK)
    policy = AddressPolicy("listed", allow=("127.0.0.1/32",))
    resolve = {f"rebind.example:{server.port}": "127.0.0.1"}
    async with Net(policy, user_agent="x", resolve=resolve) as net:
        assert (await net.request("GET", f"http://rebind.example:{server.port}/")).body == b"hi"
        resolve[f"rebind.example:{server.port}"] = "127.0.0.2"
        again = await net.request("GET", f"http://Rebind.example:{server.port}/")
        assert again.failure is Failure.REFUSED_ADDRESS
    assert server.connections == 1


async def test_own_listener_is_not_asked(serve: Serve):
    server = await serve(OK)
    policy = AddressPolicy("private", own=frozenset({("127.0.0.1", server.port)}))
    async with Net(policy, user_agent="x") as net:
        received = await net.request("GET", f"http://localhost:{server.port}/")
    assert received.failure is Failure.REFUSED_ADDRESS
    assert received.failure_text == "This is the address of Seamwatch itself."


async def test_cancelled_request_ends_its_connection_and_leaves_nothing_behind(net: Net, serve: Serve):
    gone = asyncio.Event()
    begun = asyncio.Event()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        begun.set()
        await reader.read()
        gone.set()

    server = await serve(stream)
    task = asyncio.create_task(net.request("GET", server.url))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await gone.wait()
    again = await serve(OK)
    assert (await net.request("GET", again.url)).body == b"hi"


async def test_closing_the_net_ends_what_is_running_and_what_is_waiting(serve: Serve):
    busy = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == 6:
            busy.set()
        await reader.read()

    server = await serve(wait)
    net = Net(AddressPolicy("private"), user_agent="x")
    tasks = [asyncio.create_task(net.request("GET", server.url)) for _ in range(20)]
    await busy.wait()
    await net.aclose()
    results = await asyncio.gather(*tasks)
    assert {received.failure for received in results} == {Failure.CANCELLED}
    assert server.connections == 6
    with pytest.raises(RuntimeError, match="closed"):
        await net.request("GET", server.url)


async def test_two_hundred_parallel_requests_share_six_connections_a_host(net: Net, serve: Serve):
    server = await serve(OK, keep=True)
    other = await serve(OK, keep=True)
    results = await asyncio.gather(*(net.request("GET", (server, other)[number % 2].url + str(number)) for number in range(200)))
    assert {received.body for received in results} == {b"hi"}
    assert sorted(len(one.requests) for one in (server, other)) == [100, 100]
    assert server.connections <= 6
    assert other.connections <= 6


async def test_descriptors_are_given_back(serve: Serve):
    server = await serve(OK)
    before = descriptors()
    for _ in range(3):
        async with Net(AddressPolicy("private"), user_agent="x") as net:
            await asyncio.gather(*(net.request("GET", server.url) for _ in range(20)))
            await net.request("GET", "http://127.0.0.1:1/")
    for _ in range(200):
        if descriptors() <= before:
            break
        await asyncio.sleep(0.01)  # the server's side closes in its own time
    assert descriptors() <= before


async def test_fresh_requests_connect_anew_and_others_do_not(net: Net, serve: Serve):
    server = await serve(OK, keep=True)
    for _ in range(3):
        await net.request("GET", server.url)
    assert server.connections == 1
    for _ in range(3):
        await net.request("GET", server.url, fresh=True)
    assert server.connections == 4


async def test_a_slow_host_does_not_take_the_places_of_others(serve: Serve):
    async def never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    slow, quick = await serve(never), await serve(OK)
    async with Net(AddressPolicy("private"), user_agent="x", max_total=4, max_per_host=2) as net:
        waiting = [asyncio.create_task(net.request("GET", slow.url)) for _ in range(20)]
        assert (await net.request("GET", quick.url)).body == b"hi"
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
