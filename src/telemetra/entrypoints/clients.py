"""Who a client is, where nothing but its address says so."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from telemetra.entrypoints.asgi import ReadScope

_NETWORK_BITS: Final = 64
"""Of an IPv6 address: what one customer has whole."""
_REMEMBERED: Final = 10_000
_LONGEST_SHOWN: Final = 64


def address_of(scope: ReadScope) -> str:
    """Return the address that a request came from, as the log shows it: after `TRUSTED_PROXIES`, "" where there is none."""
    client = scope.get("client")
    # A proxy that is believed may hand on anything.
    return client[0][:_LONGEST_SHOWN] if client and client[0] else ""


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
