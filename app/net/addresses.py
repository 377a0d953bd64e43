"""Which addresses may be contacted: judged on the socket address itself, where a rebinding name cannot slip past."""

import functools
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Written out, because `is_global` changes between Python releases (CVE-2024-4032) and misses translated addresses.
# Source: the IANA special-purpose address registries for IPv4 and IPv6.
RESERVED_V4 = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
# Only this block is assigned to the public; within it, these pieces are not.
GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
RESERVED_V6 = _networks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# In no mode: "this host", link-local, multicast, broadcast, and where clouds serve credentials to their machines.
NEVER = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure
    "192.0.0.192/32",  # Oracle
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "fe80::/10",
    "ff00::/8",
    "fd00:ec2::254/128",  # AWS
    "fd20:ce::254/128",  # Google
)
# Services that a web scanner has no business with and that can be harmed by a line of HTTP.
CLOSED_PORTS = frozenset({22, 23, 25, 110, 143, 465, 587, 2375, 3306, 5432, 6379, 9200, 11211, 27017})


class Mode(StrEnum):
    """How far requests may reach. Set by the operator, never by a user."""

    PUBLIC = "public"  # the public Internet only
    LISTED = "listed"  # public, and the networks in `allow`
    PRIVATE = "private"  # also loopback and private networks: for an app that only its owner can reach


class RefusedAddress(OSError):
    """This address may not be contacted. An OSError, so that code which tries several addresses goes on to the next."""


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that a kernel or gateway would really contact for a translated IPv6 one, else the same."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    number = int(address)
    ipv4_compatible = number >> 32 == 0 and number > 1
    if ipv4_compatible or any(address in network for network in NAT64):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public Internet. Translated addresses are judged as they stand; see `unwrap`."""
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, RESERVED_V4)
    return address in GLOBAL_V6 and not _within(address, RESERVED_V6)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one address leads, whatever the mode."""

    outer: Address
    inner: Address
    never: bool
    public: bool


@functools.lru_cache(maxsize=4096)
def _locate(ip: str) -> _Place:
    """Judge one address as it stands in a socket address, and again the one it is translated to."""
    outer = ipaddress.ip_address(ip.partition("%")[0])
    inner = unwrap(outer)
    # Only the mapped form can be had from an ordinary resolver; nobody needs 6to4, Teredo or NAT64 to reach a public site.
    mapped = isinstance(outer, ipaddress.IPv6Address) and outer.ipv4_mapped is not None
    return _Place(
        outer,
        inner,
        never=_within(outer, NEVER) or _within(inner, NEVER),
        public=is_public(inner) and (inner is outer or mapped),
    )


def _is_of_this_machine(address: Address) -> bool:
    """Whether the address is one of this machine's interfaces: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be contacted.

    `own` are the listeners of this program as (IP address, port); "0.0.0.0" and "::" mean every interface. They are
    refused in every mode, since a scan of itself through a user's address could be made to chase its own tail.
    """

    mode: Mode | str = Mode.PUBLIC
    allow: tuple[Network | str, ...] = ()
    own: frozenset[tuple[str, int]] = frozenset()
    closed_ports: frozenset[int] = CLOSED_PORTS
    _allowed: tuple[Network, ...] = field(init=False, repr=False, compare=False, default=())
    _listeners: tuple[tuple[Address, int], ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown mode, a malformed network, or a listener that is not given by IP address."""
        object.__setattr__(self, "mode", Mode(self.mode))
        object.__setattr__(self, "_allowed", tuple(ipaddress.ip_network(network) for network in self.allow))
        object.__setattr__(self, "_listeners", tuple((unwrap(ipaddress.ip_address(ip)), port) for ip, port in self.own))

    def check(self, ip: str, port: int, *, own_protocol: bool = False) -> None:
        """Raise RefusedAddress, with words for the user, when this socket address may not be contacted.

        Args:
            ip: as in a socket address, numeric; an IPv6 zone is ignored.
            port: 1 to 65535; 0 for what has none (ICMP).
            own_protocol: what will be said there is that port's own protocol, or nothing at all: closed ports are open to it.
        """
        try:
            place = _locate(ip)
        except ValueError as error:
            raise RefusedAddress(f"{ip} is not an address that Seamwatch contacts.") from error
        if self._is_own(place.inner, port):
            raise RefusedAddress("This is the address of Seamwatch itself.")
        if self.mode == Mode.PRIVATE:
            if place.never:
                raise RefusedAddress("Seamwatch never contacts link-local, multicast and cloud metadata addresses.")
            return
        # From here on one sentence for all refusals: which of them it was would map the inside of our network to a stranger.
        listed = self.mode == Mode.LISTED and (_within(place.inner, self._allowed) or _within(place.outer, self._allowed))
        if place.never or not (listed or (place.public and (own_protocol or port not in self.closed_ports))):
            raise RefusedAddress("This address is private. Run Seamwatch inside that network, or drop a HAR file.")

    def _is_own(self, address: Address, port: int) -> bool:
        for listener, own_port in self._listeners:
            if port != own_port:
                continue
            if address == listener or (address.is_loopback and (listener.is_loopback or listener.is_unspecified)):
                return True
            if listener.is_unspecified and (address.is_unspecified or _is_of_this_machine(address)):
                return True
        return False
