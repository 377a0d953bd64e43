"""The one way out of the program: HTTP by libcurl on the event loop, and plain sockets for other protocols.

Every address is judged where the socket is opened, so a literal, each DNS answer and each redirect hop passes the same
check. Nothing here follows a redirect, keeps a cookie, or reads proxies and credentials from the environment.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import pycurl
from pycurl.async_multi import AsyncCurlMulti

from app.core.exchange import Failure, Headers
from app.net import failures
from app.net.addresses import AddressPolicy, RefusedAddress
from app.net.failures import NotConnected
from app.net.slots import Slots
from app.net.transfer import (
    CANCELLED,
    TOKEN,
    BadIdentity,
    Identity,
    Received,
    Reply,
    Target,
    certificate_ends,
    conclude,
    header_lines,
    never_resolves,
    present,
)
from app.net.trust import client_context, default_ca_file

__all__ = ["AddressPolicy", "BadIdentity", "Identity", "Net", "NotConnected", "Received"]

MAX_PER_HOST = 6  # as browsers do
MAX_TOTAL = 32
# For transfers with long time-outs: nothing at all for this long is the end.
SILENCE_S = 30


class Net:
    """Sends requests under one address policy; connections and DNS answers are kept until it is closed.

    Belongs to one event loop; use as an async context manager, or call `aclose`.

    Args:
        ca_file: PEM file of trusted authorities; None for certifi's and the system's.
        max_total, max_per_host: transfers at the same time; further ones wait.
        resolve: "host:port" → IP address, in place of DNS; the policy still judges it. Read anew at each request.

    Raises:
        ValueError: an address in `resolve` is none.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        user_agent: str,
        ca_file: str | None = None,
        resolve: Mapping[str, str] | None = None,
        max_total: int = MAX_TOTAL,
        max_per_host: int = MAX_PER_HOST,
    ) -> None:
        self.policy = policy
        self.user_agent = user_agent
        self.ca_file = ca_file or default_ca_file()
        self.resolve = {} if resolve is None else resolve
        for ip in self.resolve.values():
            ipaddress.ip_address(ip.strip("[]"))
        self._multi = AsyncCurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_total)
        self._free: list[pycurl.Curl] = []
        self._slots = Slots(max_total, max_per_host)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End every transfer (their callers receive `Failure.CANCELLED`) and close every connection."""
        self._closed = True
        await self._multi.aclose()
        self._free.clear()

    async def request(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        *,
        body: bytes | None = None,
        timeout_s: float = 10,
        connect_timeout_s: float = 5,
        max_body_bytes: int = 2_000_000,
        fresh: bool = False,
        verify: bool = True,
        identity: Identity | None = None,
        with_certificate: bool = False,
    ) -> Received:
        """Send one request and read the answer to its end or to the limit. Redirects are not followed.

        A target that fails is a result: see `Received`. Time-outs count from when a connection slot is free.

        Args:
            method: sent as it stands.
            headers: sent in this order with this case; Host (unless given) and Content-Length are added, nothing else.
            fresh: connect anew, and close the connection after the answer.
            verify: whether the certificate must be trusted and be the host's.
            identity: who we are in the TLS handshake. Connects anew: what is granted to one is not for another.
            with_certificate: tell until when the host's certificate is valid. Connects anew: only the handshake shows it.

        Raises:
            ValueError: the method or a header could not stand in a request (a line break, say).
            BadIdentity: the client certificate or its key cannot be used.
            RuntimeError: this Net is closed.
        """
        if self._closed:
            raise RuntimeError("Net is closed")
        lines = header_lines(headers)
        if not TOKEN.fullmatch(method):
            raise ValueError(f"not a method: {method!r}")
        target = Target.parse(url)
        if target is None:
            return Received(failure=Failure.INVALID_URL, failure_text="This is not an http or https address without credentials.")
        if never_resolves(target.host) and self._stand_in(target.host, target.port) is None:
            failure, text = failures.unresolved(target.host)
            return Received(failure=failure, failure_text=text)
        key = (target.host, target.port)
        await self._slots.take(key)
        try:
            if self._closed:
                return CANCELLED
            reply = Reply(self.policy, max_body_bytes)
            curl = self._free.pop() if self._free else pycurl.Curl()
            self._set_up(curl, reply, target, method, lines, body, timeout_s, connect_timeout_s)
            if identity is not None:
                present(curl, identity)
            if with_certificate:
                curl.setopt(pycurl.OPT_CERTINFO, 1)
            if identity is not None or with_certificate:
                curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)  # a resumed session shows no certificate, on either side
            if fresh or identity is not None or with_certificate:
                curl.setopt(pycurl.FRESH_CONNECT, 1)
                curl.setopt(pycurl.FORBID_REUSE, 1)
            if not verify:
                curl.setopt(pycurl.SSL_VERIFYPEER, 0)
                curl.setopt(pycurl.SSL_VERIFYHOST, 0)
            future = self._multi.add_handle(curl)
            code, message = 0, ""
            try:
                await future
            except pycurl.error as error:
                code, message = int(error.args[0]), str(error.args[-1])
            except asyncio.CancelledError:
                # The multi handle lets go of `curl` on the next turn of the loop; it is not used again.
                task = asyncio.current_task()
                if self._closed and task is not None and not task.cancelling():
                    return CANCELLED
                raise
            received = conclude(curl, reply, target, code, message, timeout_s, connect_timeout_s)
            if with_certificate and received.response is not None:
                received = replace(received, certificate_ends=certificate_ends(curl))
            curl.reset()  # drops the callbacks, which hold the reply
            self._free.append(curl)
            if code in (pycurl.E_SSL_CERTPROBLEM, pycurl.E_BAD_FUNCTION_ARGUMENT) and identity is not None:
                raise BadIdentity("The client certificate and its key cannot be read, or are not a pair. Both are PEM texts.")
            return received
        finally:
            self._slots.free(key)

    async def addresses(self, host: str, port: int = 0, *, timeout_s: float = 5) -> tuple[str, ...]:
        """Return the IP addresses of a host that may be contacted, in the resolver's order: for what is no TCP.

        Raises:
            NotConnected: the name has no address, or none that may be contacted.
        """
        found, refused = [], None
        for _, _, _, address in await self._answers(host, port, timeout_s):
            try:
                self.policy.check(address[0], port)
            except RefusedAddress as error:
                refused = error
            else:
                found.append(address[0])
        if not found:
            raise NotConnected(*(failures.from_connect(refused, host, port) if refused else failures.unresolved(host))) from refused
        return tuple(dict.fromkeys(found))

    def open_datagram(self, ip: str, port: int) -> socket.socket:
        """Return a non-blocking UDP socket that sends to, and hears from, this address only.

        Raises:
            NotConnected: it may not be contacted, or there is no route to it.
        """
        opened = None
        try:
            self.policy.check(ip, port)
            opened = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            opened.connect((ip, port))
        except OSError as error:
            if opened is not None:
                opened.close()
            raise NotConnected(*failures.from_connect(error, ip, port)) from error
        return opened

    async def open_socket(self, host: str, port: int, *, timeout_s: float = 5, own_protocol: bool = False) -> socket.socket:
        """Return a connected, non-blocking TCP socket; every DNS answer is checked and tried in turn.

        Args:
            own_protocol: what will be said there is that port's own protocol; see `AddressPolicy.check`.

        Raises:
            NotConnected: with the `Failure` and the words for it.
        """
        clock = asyncio.get_running_loop().time
        ends = clock() + timeout_s
        answers = await self._answers(host, port, timeout_s)
        told: OSError | None = None
        for place, (family, kind, protocol, address) in enumerate(answers):
            # Each answer gets its share of what is left, so that one dead address does not use up the time of the others.
            share_s = (ends - clock()) / (len(answers) - place)
            try:
                return await self._connect(family, kind, protocol, address, share_s, own_protocol)
            except OSError as error:  # also TimeoutError
                # A refusal of ours says less than a target that was really tried.
                if told is None or isinstance(told, RefusedAddress):
                    told = error
        if told is None:
            raise NotConnected(*failures.unresolved(host))
        if isinstance(told, TimeoutError) and told.errno is None:
            raise NotConnected(*failures.unaccepted(host, port, timeout_s)) from told
        raise NotConnected(*failures.from_connect(told, host, port)) from told

    async def open_stream(
        self,
        host: str,
        port: int,
        *,
        tls: bool,
        timeout_s: float = 5,
        server_name: str = "",
        verify: bool = True,
        http: bool = True,
        own_protocol: bool = False,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return streams over a checked socket, with TLS verified as for `request` if wanted.

        Args:
            server_name: whom the certificate must name; "" for the host.
            verify: whether the certificate must be trusted and be that name's.
            http: whether HTTP/1.1 is asked for in the handshake (ALPN).
            own_protocol: as for `open_socket`.

        Raises:
            NotConnected: with the `Failure` and the words for it.
        """
        ends = asyncio.get_running_loop().time() + timeout_s
        if not tls:
            return await asyncio.open_connection(sock=await self.open_socket(host, port, timeout_s=timeout_s, own_protocol=own_protocol))
        context = self.tls_context(verify=verify, http=http)
        opened = await self.open_socket(host, port, timeout_s=timeout_s, own_protocol=own_protocol)
        name = server_name or host
        try:
            async with asyncio.timeout_at(ends):
                return await asyncio.open_connection(sock=opened, ssl=context, server_hostname=name)
        except TimeoutError:
            raise NotConnected(Failure.TIMEOUT, f"{host} does not end the TLS handshake within {failures.seconds(timeout_s)}.") from None
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                raise NotConnected(*failures.from_handshake(error, name, port)) from error
            raise NotConnected(Failure.TLS, f"{host} broke off the TLS handshake on port {port}.") from error

    def tls_context(self, *, verify: bool = True, http: bool = True) -> ssl.SSLContext:
        """Return the TLS settings of our connections, for libraries that make the handshake themselves on a socket of ours.

        Raises:
            NotConnected: the list of authorities cannot be read: a fault of ours.
        """
        try:
            return client_context(self.ca_file, verify=verify, http=http)
        except OSError as error:
            raise NotConnected(*failures.no_authorities()) from error

    def _stand_in(self, host: str, port: int) -> str | None:
        wanted = f"{host.lower()}:{port}"
        return next((ip.strip("[]") for name, ip in self.resolve.items() if name.lower() == wanted), None)

    async def _answers(self, host: str, port: int, timeout_s: float) -> list[tuple[int, int, int, Any]]:
        if self._closed:
            raise RuntimeError("Net is closed")
        try:
            async with asyncio.timeout(timeout_s):
                return await self._addresses(host, port)
        except TimeoutError:
            raise NotConnected(*failures.unresolved_in_time(host, timeout_s)) from None
        except OSError as error:
            raise NotConnected(*failures.from_connect(error, host, port)) from error

    async def _addresses(self, host: str, port: int) -> list[tuple[int, int, int, Any]]:
        name = self._stand_in(host, port) or host
        if name == host and never_resolves(host):
            raise socket.gaierror(socket.EAI_NONAME, "reserved name")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]

    async def _connect(self, family: int, kind: int, protocol: int, address: Any, timeout_s: float, own_protocol: bool) -> socket.socket:
        self.policy.check(address[0], address[1], own_protocol=own_protocol)
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(opened, address)
        except BaseException:
            opened.close()
            raise
        return opened

    def _set_up(
        self,
        curl: pycurl.Curl,
        reply: Reply,
        target: Target,
        method: str,
        lines: tuple[bytes, ...],
        body: bytes | None,
        timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        set_option = curl.setopt
        set_option(pycurl.URL, target.url)
        set_option(pycurl.PATH_AS_IS, 1)
        set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        set_option(pycurl.PROXY, "")  # an empty name also switches off http_proxy and its kin
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.TIMEOUT_MS, max(1, int(timeout_s * 1000)))
        set_option(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(connect_timeout_s, timeout_s) * 1000)))
        set_option(pycurl.LOW_SPEED_LIMIT, 1)
        set_option(pycurl.LOW_SPEED_TIME, SILENCE_S)
        set_option(pycurl.HTTPHEADER, lines)
        set_option(pycurl.ACCEPT_ENCODING, "")  # decode what this build can; the header itself is the caller's
        set_option(pycurl.HEADERFUNCTION, reply.take_header)
        set_option(pycurl.WRITEFUNCTION, reply.take_body)
        set_option(pycurl.OPENSOCKETFUNCTION, reply.open_socket)
        if target.scheme == "https":
            set_option(pycurl.CAINFO, self.ca_file)
            set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        instead = self._stand_in(target.host, target.port)
        if instead is not None:
            address = f"[{instead}]" if ":" in instead else instead
            # The entry before was put there by an earlier request of this Net, and may have changed since.
            name = f"[{target.host}]" if ":" in target.host else target.host
            set_option(pycurl.RESOLVE, [f"-{name}:{target.port}", f"{name}:{target.port}:{address}"])
        if method == "HEAD":
            set_option(pycurl.NOBODY, 1)
        elif body is not None or method in ("POST", "PUT", "PATCH"):
            set_option(pycurl.POST, 1)
            set_option(pycurl.POSTFIELDS, body or b"")
        if method not in ("GET", "HEAD") or body is not None:
            set_option(pycurl.CUSTOMREQUEST, method)
