"""Who a client is, where nothing but its address says so."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

_NETWORK_BITS: Final = 64
"""Of an IPv6 address: what one customer has whole."""
_REMEMBERED: Final = 10_000


@lru_cache(_REMEMBERED)
def client_of(address: str) -> str:
    """
    Return whom an address belongs to: itself, or, in IPv6, the network of its customer.

    What is no address, as a proxy may hand on or a socket in the file system has, is all of one client.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS))
