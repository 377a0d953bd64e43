import ipaddress

import pytest

from app.net.addresses import AddressPolicy, RefusedAddress, unwrap

NEVER_IN_ANY_MODE = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",  # NAT64 of the metadata address
    "2002:a9fe:a9fe::1",  # 6to4 of it
    "::a9fe:a9fe",  # IPv4-compatible
    "2001:0:4136:e378:8000:63bf:5601:5601",  # Teredo whose client is 169.254.169.254, inverted
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
]
PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "::ffff:127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::ffff:192.168.1.1",
    "fd12::1",
    "100.64.0.1",
    "198.18.0.1",
    "fec0::1",
    "2001:db8::1",
    "192.0.2.1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "11.0.0.1", "192.167.255.255"]
TRANSLATED_PUBLIC = ["2002:101:101::1", "64:ff9b::101:101", "::101:101"]


def refused(policy: AddressPolicy, ip: str, port: int = 443) -> bool:
    try:
        policy.check(ip, port)
    except RefusedAddress:
        return True
    return False


@pytest.mark.parametrize("mode", ["public", "listed", "private"])
@pytest.mark.parametrize("ip", NEVER_IN_ANY_MODE)
def test_metadata_link_local_multicast_and_unspecified_are_refused_in_every_mode(mode: str, ip: str):
    assert refused(AddressPolicy(mode, allow=("0.0.0.0/0", "::/0")), ip)


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_addresses_pass_in_private_mode_only(ip: str):
    assert refused(AddressPolicy("public"), ip)
    assert refused(AddressPolicy("listed"), ip)
    assert not refused(AddressPolicy("private"), ip)


@pytest.mark.parametrize("mode", ["public", "listed", "private"])
@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_pass_in_every_mode(mode: str, ip: str):
    assert not refused(AddressPolicy(mode), ip)


@pytest.mark.parametrize("ip", TRANSLATED_PUBLIC)
def test_translated_addresses_are_refused_in_public_mode_even_when_they_hold_a_public_one(ip: str):
    assert refused(AddressPolicy("public"), ip)


def test_listed_networks_pass_in_listed_mode_only():
    networks = ("10.1.0.0/16", "fd12::/32")
    assert not refused(AddressPolicy("listed", allow=networks), "10.1.2.3")
    assert not refused(AddressPolicy("listed", allow=networks), "::ffff:10.1.2.3")
    assert not refused(AddressPolicy("listed", allow=networks), "fd12::5")
    assert refused(AddressPolicy("listed", allow=networks), "10.2.0.1")
    assert refused(AddressPolicy("public", allow=networks), "10.1.2.3")


def test_ports_of_other_services_are_closed_except_where_the_operator_opened_the_network():
    assert refused(AddressPolicy("public"), "1.1.1.1", 6379)
    assert not refused(AddressPolicy("listed", allow=("1.1.1.0/24",)), "1.1.1.1", 6379)
    assert not refused(AddressPolicy("private"), "127.0.0.1", 5432)


def test_own_listener_is_refused_in_private_mode_and_other_ports_are_not():
    policy = AddressPolicy("private", own=frozenset({("127.0.0.1", 3000)}))
    assert refused(policy, "127.0.0.1", 3000)
    assert refused(policy, "::ffff:127.0.0.1", 3000)
    assert refused(policy, "::1", 3000)
    assert not refused(policy, "127.0.0.1", 3001)
    assert not refused(policy, "10.0.0.9", 3000)


def test_listener_on_every_interface_is_found_on_each_of_them_but_not_elsewhere():
    policy = AddressPolicy("private", own=frozenset({("0.0.0.0", 3000)}))
    assert refused(policy, "127.0.0.1", 3000)
    assert not refused(policy, "203.0.113.77", 3000)


def test_all_refusals_of_public_mode_read_alike():
    words = set()
    for ip in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "2002:7f00:1::"):
        with pytest.raises(RefusedAddress) as refusal:
            AddressPolicy("public").check(ip, 443)
        words.add(str(refusal.value))
    assert len(words) == 1


def test_unknown_mode_and_malformed_network_stop_at_construction():
    with pytest.raises(ValueError, match="open"):
        AddressPolicy("open")
    with pytest.raises(ValueError, match="10"):
        AddressPolicy("listed", allow=("10.0.0.0/99",))
    with pytest.raises(ValueError, match="localhost"):
        AddressPolicy("private", own=frozenset({("localhost", 3000)}))


def test_text_that_is_no_address_is_refused():
    assert refused(AddressPolicy("private"), "example.com")


def test_unwrap_leaves_ordinary_addresses_alone():
    for text in ("1.2.3.4", "::1", "2606:4700::1"):
        assert unwrap(ipaddress.ip_address(text)) == ipaddress.ip_address(text)
