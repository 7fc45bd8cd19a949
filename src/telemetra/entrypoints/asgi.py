"""The words of ASGI, as its specification has them; the framework's own know neither lifespans nor other layers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

ReadScope: TypeAlias = Mapping[str, Any]
"""A scope, the framework's or a server's, for those who only look at it."""
