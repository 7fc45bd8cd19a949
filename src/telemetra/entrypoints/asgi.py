"""The words of ASGI, as its specification has them; the framework's own know neither lifespans nor other layers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

BREAK_OFF: Final = "telemetra.break_off"
"""An extension of our own server's: a call ends the connection, also within an answer, when what was sent is on its way."""

WITHOUT_BODY: Final = "telemetra.without_body"
"""In a scope whose answer's body nobody will see: it need not be made."""

ReadScope: TypeAlias = Mapping[str, Any]
"""A scope, the framework's or a server's, for those who only look at it."""
