"""A port for an engine, without a race against the rest of the machine."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from telemetra.adapters.embedded.errors import EngineFailed

LOOPBACK = "127.0.0.1"
_ATTEMPTS = 5
_TAKEN = "already in use"

Endpoint = TypeVar("Endpoint")


@asynccontextmanager
async def on_a_free_port(
    choose: Callable[[], int], run: Callable[[int], AbstractAsyncContextManager[Endpoint]]
) -> AsyncIterator[Endpoint]:
    """
    Run an engine on a chosen port, and on another one when somebody took it in between.

    Engines bind for themselves, so there is always a moment in which the port is nobody's; what counts is
    that the engine's own refusal is understood.
    """
    async with AsyncExitStack() as stack:
        yield await _first_to_run(stack, choose, run)


async def _first_to_run(
    stack: AsyncExitStack,
    choose: Callable[[], int],
    run: Callable[[int], AbstractAsyncContextManager[Endpoint]],
) -> Endpoint:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await stack.enter_async_context(run(choose()))
        except EngineFailed as failure:
            if _TAKEN not in str(failure):
                raise
    return await stack.enter_async_context(run(choose()))


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port
