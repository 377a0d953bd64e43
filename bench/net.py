"""CPU per request of `app.net.Net` against the bare limit, in the same run: libcurl on the same loop, with nothing recorded.

Prints milliseconds of CPU time of this process (the server is another one) and the ratio. `python -m bench.net [requests]`.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable

import pycurl
from pycurl.async_multi import AsyncCurlMulti

from app.core.exchange import Purpose
from app.net import AddressPolicy, Net
from app.probes.http import ask

ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nVary: Origin\r\nAccess-Control-Allow-Origin: *\r\n"
    b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 1000\r\n%s\r\n" + b"x" * 1000
)
PARALLEL = 6


def serve(port: "multiprocessing.Queue[int]") -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                close = head.startswith(b"GET /close")
                writer.write(ANSWER % (b"Connection: close\r\n" if close else b""))
                if close:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def cpu_ms(send: Callable[[], Awaitable[object]], requests: int) -> float:
    """CPU milliseconds of one request, `PARALLEL` at a time."""

    async def lane() -> None:
        for _ in range(requests // PARALLEL):
            await send()

    await send()
    begun = time.process_time()
    await asyncio.gather(*(lane() for _ in range(PARALLEL)))
    return (time.process_time() - begun) * 1000 / (requests // PARALLEL * PARALLEL)


async def measure(port: int, requests: int) -> None:
    async with AsyncCurlMulti() as multi, Net(AddressPolicy("private"), user_agent="bench") as net:
        for name, path in (("new connection", "close"), ("reused connection", "keep")):
            url = f"http://127.0.0.1:{port}/{path}"

            async def bare(url: str = url) -> None:
                curl = pycurl.Curl()
                curl.setopt(pycurl.URL, url)
                curl.setopt(pycurl.NOSIGNAL, 1)
                curl.setopt(pycurl.HEADERFUNCTION, [].append)
                curl.setopt(pycurl.WRITEFUNCTION, bytearray().extend)
                await multi.perform(curl)

            async def request(url: str = url) -> None:
                assert (await net.request("GET", url)).response is not None

            async def exchange(url: str = url) -> None:
                assert (await ask(net, id=1, purpose=Purpose.PAGE, method="GET", url=url, started=0)).status == 200

            least = await cpu_ms(bare, requests)
            print(f"{name}: bare libcurl {least:.3f} ms")
            for what, send in (("Net.request", request), ("probes.http.ask", exchange)):
                cost = await cpu_ms(send, requests)
                print(f"{name}: {what} {cost:.3f} ms, {cost / least:.2f} times the bare limit")


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    try:
        asyncio.run(measure(port.get(), requests))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
