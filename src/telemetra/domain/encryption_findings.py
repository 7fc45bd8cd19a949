"""What to say of a connection that is encrypted or not, by how far it goes; which server it leads to is the caller's to know."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from telemetra.domain.findings import Finding, note, ok, warning


def judge_encryption(
    check: str,
    version: str | None,
    addresses: Sequence[IPv4Address | IPv6Address],
    *,
    is_verified: bool,
    encrypt: str,
    verify: str,
) -> Finding:
    """
    Judge a connection with this version of TLS (None: in the clear) to a host of these addresses.

    `is_verified` says whether its certificate was checked, the host's name too; `encrypt` and `verify` are what to do about
    either.
    """
    if all(address.is_loopback for address in addresses):
        return ok(check, f"{version or 'none'}; it does not leave this machine")
    is_near = all(address.is_private for address in addresses)
    if version is None:
        if is_near:
            return note(check, "none, in a private network", encrypt)
        return warning(check, "none: passwords and rows cross the network in the clear", encrypt)
    if not is_verified and not is_near:
        return note(check, f"{version}, with whoever answers", verify)
    return ok(check, version)
