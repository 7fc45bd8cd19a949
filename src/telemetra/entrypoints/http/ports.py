"""How handlers come by the ports: the application's lifespan keeps them in its state."""

from __future__ import annotations

from typing import Final

from litestar.datastructures import State

from telemetra.domain.ports import Ports

PORTS_STATE: Final = "ports"


async def provide_ports(state: State) -> Ports:
    """Return the open ports."""
    ports: Ports = state[PORTS_STATE]
    return ports
