import asyncio
import socket

import pytest

from app.core.exchange import Failure
from app.net import AddressPolicy, Net, NotConnected
from tests.loopback import Serve

OK = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_socket_is_connected_and_non_blocking(net: Net, serve: Serve):
    server = await serve(OK)
    with await net.open_socket("127.0.0.1", server.port) as opened:
        assert opened.getpeername() == ("127.0.0.1", server.port)
        assert not opened.getblocking()


async def test_next_answer_is_tried_when_the_first_does_not_work(net: Net, serve: Serve):
    server = await serve(OK, host="127.0.0.1")  # and nobody at ::1
    with await net.open_socket("localhost", server.port) as opened:
        assert opened.family == socket.AF_INET


async def test_address_that_stands_in_for_dns_is_checked_at_construction():
    with pytest.raises(ValueError, match="nonsense"):
        Net(AddressPolicy("private"), user_agent="x", resolve={"a.example:80": "nonsense"})


async def test_resolve_stands_in_for_dns_and_is_judged(serve: Serve):
    server = await serve(OK)
    resolve = {f"A.Example:{server.port}": "127.0.0.1", f"b.example:{server.port}": "169.254.169.254"}
    async with Net(AddressPolicy("private"), user_agent="x", resolve=resolve) as net:
        (await net.open_socket("A.example", server.port)).close()
        with pytest.raises(NotConnected) as refusal:
            await net.open_socket("b.example", server.port)
    assert refusal.value.failure is Failure.REFUSED_ADDRESS


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "::1", "::ffff:127.0.0.1", "localhost", "2002:7f00:1::"])
async def test_public_mode_opens_no_socket_to_loopback_however_it_is_written(serve: Serve, host: str):
    server = await serve(OK)
    async with Net(AddressPolicy("public"), user_agent="x") as net:
        with pytest.raises(NotConnected) as refusal:
            await net.open_socket(host, server.port)
    assert refusal.value.failure is Failure.REFUSED_ADDRESS
    assert server.connections == 0


@pytest.mark.parametrize(
    ("host", "failure", "text"),
    [
        ("127.0.0.1", Failure.CONNECT, "127.0.0.1 refuses connections on port 1."),
        ("nowhere.invalid", Failure.DNS, "No host answers at nowhere.invalid."),
        ("a" * 70 + ".example", Failure.DNS, "No host answers at " + "a" * 70 + ".example."),
    ],
)
async def test_failure_is_told_in_the_words_of_requests(net: Net, host: str, failure: Failure, text: str):
    with pytest.raises(NotConnected) as refusal:
        await net.open_socket(host, 1)
    assert (refusal.value.failure, refusal.value.text) == (failure, text)
    received = await net.request("GET", f"http://{host}:1/")
    assert (received.failure, received.failure_text) == (failure, text)


async def test_connection_that_nobody_accepts_ends_with_the_time_out(net: Net):
    # A full backlog: the kernel drops further SYNs, as a firewall would.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        fillers = [socket.socket() for _ in range(3)]
        tasks = []
        for filler in fillers:
            filler.setblocking(False)
            tasks.append(asyncio.create_task(loop.sock_connect(filler, ("127.0.0.1", port))))
        await asyncio.sleep(0.05)
        with pytest.raises(NotConnected) as refusal:
            await net.open_socket("127.0.0.1", port, timeout_s=0.2)
        received = await net.request("GET", f"http://127.0.0.1:{port}/", connect_timeout_s=0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for filler in fillers:
            filler.close()
    words = f"127.0.0.1 does not accept a connection on port {port} within 0.2 s."
    assert (refusal.value.failure, refusal.value.text) == (Failure.TIMEOUT, words)
    assert (received.failure, received.failure_text) == (Failure.TIMEOUT, words)
