"""
The gate: one verdict on each request, before anything answers it, kept answers too.

In this order: the host that it names, the token that it shows, how often its client asks, and whether the token allows
what is asked. It judges by the path that requests are routed on. Knows nothing of what is behind it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, time
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from telemetra.domain.access import LONGEST_TOKEN, Grant, digest_of
from telemetra.domain.errors import (
    AccessDenied,
    CredentialInvalid,
    CredentialMissing,
    HostNotAllowed,
    ParameterInvalid,
    TelemetraError,
    TooManyRequests,
)
from telemetra.domain.ports import Credentials, Ports
from telemetra.entrypoints.access.hosts import AllowedHosts
from telemetra.entrypoints.access.rates import Rates
from telemetra.entrypoints.access.tickets import Tickets
from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.clients import client_of
from telemetra.entrypoints.http.headers import headers_named
from telemetra.entrypoints.paths import OPERATORS_PATHS, canonical_path, decode_stream_id
from telemetra.settings import Settings

_PUBLIC: Final = re.compile(r"/|/(docs|redoc|asyncapi|(open|async)api\.json|dashboard)/?|/assets/[^/]+")
"""What says how the service is used; and a page that asks for a token itself."""
_OF_STREAM: Final = re.compile(r"/(?:api/v1/streams|ws/live)/([^/]+)(?:/.*)?")
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+) *", re.IGNORECASE)

_LOOK_SECONDS: Final = 1.0
_LOOKED_AT_ONCE: Final = 500

REFUSED: Final[tuple[type[TelemetraError], ...]] = (
    *(CredentialMissing, CredentialInvalid, AccessDenied),
    *(HostNotAllowed, TooManyRequests),
)
"""What a verdict may refuse with."""

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Verdict:
    """What was found about a request."""

    refusal: TelemetraError | None = None
    headers: Headers = field(default_factory=list)
    """What the answer says of it, whatever the answer is."""
    grant: Grant | None = None
    """What its bearer may do, where tokens are asked for."""

    @property
    def is_narrow(self) -> bool:
        """Whether its bearer may see some streams alone."""
        return self.grant is not None and self.grant.streams is not None


_WELCOME: Final = Verdict()

Revocation: TypeAlias = "asyncio.Future[TelemetraError]"
"""Is told why a bearer may not stay."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stay:
    """Somebody who was let in, and is still here."""

    grant: Grant
    path: str
    revocation: Revocation


class Gate:
    """`clock` gives seconds that only grow, `wall_clock` seconds since 1970."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        self._hosts = AllowedHosts(settings.allowed_hosts)
        self._rates = Rates(settings.rate_limit_per_minute, clock=clock)
        self._policy = f'"default";q={settings.rate_limit_per_minute};w=60'.encode()
        self._wall_clock = wall_clock
        self._credentials: Credentials | None = None
        self.tickets = Tickets(lambda: b"", wall_clock)
        self._stays: set[_Stay] = set()
        self.is_open = self._hosts.is_any and not settings.rate_limit_per_minute
        """Whether nobody is refused here."""

    @asynccontextmanager
    async def open(self, ports: Ports) -> AsyncIterator[None]:
        """Know tokens, and look after those whose bearers stay."""
        self._credentials = ports.credentials
        self.tickets = Tickets(ports.ticket_key, self._wall_clock)
        if self._credentials is None:
            yield
            return
        self.is_open = False
        looking = asyncio.create_task(self._look_after(), name="live-grants")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait({looking})

    @contextmanager
    def staying(self, scope: ReadScope, grant: Grant) -> Iterator[Revocation]:
        """Look after a bearer for as long as it stays; what is yielded is told when it may no longer."""
        revocation: Revocation = asyncio.get_running_loop().create_future()
        stay = _Stay(grant, canonical_path(scope), revocation)
        self._stays.add(stay)
        try:
            yield revocation
        finally:
            self._stays.discard(stay)
            revocation.cancel()

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for number, stay in enumerate(list(self._stays), start=1):
                self._look_at(stay)
                if number % _LOOKED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _look_at(self, stay: _Stay) -> None:
        credentials = self._credentials
        if credentials and credentials.find(stay.grant.id) is stay.grant and stay.grant.expires_at is None:
            # Nothing has changed, as a rule for all of thousands.
            return
        try:
            _require(self._known(stay.grant.id), stay.path)
        except TelemetraError as error:
            if not stay.revocation.done():
                stay.revocation.set_result(error)

    def ticket_for(self, grant: Grant | None) -> tuple[str, int]:
        """Return a ticket for the bearer of a token (or of none, where none is asked for), and when it is over."""
        return self.tickets.make(grant.id if grant else bytes(32))

    def judge(self, scope: ReadScope) -> Verdict:
        """Return the verdict on a request; each one counts."""
        if self.is_open:
            return _WELCOME
        path = canonical_path(scope)
        if path.rstrip("/") in OPERATORS_PATHS:
            return _WELCOME
        verdict = Verdict()
        try:
            self._judge(scope, path, verdict)
        except TelemetraError as error:
            verdict.refusal = error
        return verdict

    def _judge(self, scope: ReadScope, path: str, verdict: Verdict) -> None:
        hosts = headers_named(scope, b"host")
        if not self._hosts.has(hosts[0] if len(hosts) == 1 else ""):
            raise HostNotAllowed(hosts[0] if hosts else "")
        needs_token = self._credentials is not None and not _PUBLIC.fullmatch(path)
        unknown: TelemetraError | None = None
        if needs_token:
            try:
                verdict.grant = self._grant(scope)
            except (CredentialMissing, CredentialInvalid) as error:
                # Who guesses is counted, too.
                unknown = error
        self._count(scope, verdict)
        if unknown:
            raise unknown
        if verdict.grant:
            _require(verdict.grant, path)

    def _count(self, scope: ReadScope, verdict: Verdict) -> None:
        if not self._rates.per_minute:
            return
        client = scope.get("client")
        rate = self._rates.take(verdict.grant.id if verdict.grant else client_of(client[0] if client else ""))
        told = f'"default";r={rate.left};t={rate.full_seconds}'.encode()
        verdict.headers += [(b"ratelimit-policy", self._policy), (b"ratelimit", told)]
        if rate.is_over:
            raise TooManyRequests(retry_after_seconds=rate.wait_seconds)

    def _grant(self, scope: ReadScope) -> Grant:
        """Return what the request's token or ticket allows."""
        given = headers_named(scope, b"authorization")
        if given:
            bearer = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
            if bearer is None or len(bearer[1]) > LONGEST_TOKEN:
                raise CredentialInvalid("Send one token, as `Authorization: Bearer TOKEN`.")
            token_id = digest_of(bearer[1])
        elif scope["type"] == "websocket" and (ticket := _ticket(scope)) is not None:
            token_id = self.tickets.token_of(ticket)
        else:
            raise CredentialMissing
        return self._known(token_id)

    def _known(self, token_id: bytes) -> Grant:
        grant = self._credentials.find(token_id) if self._credentials else None
        if grant is None or grant.is_over(datetime.fromtimestamp(self._wall_clock(), UTC)):
            raise CredentialInvalid("This token is not known here, or no longer.")
        return grant


def _require(grant: Grant, path: str) -> None:
    """
    Refuse what a token is not for.

    Raises:
        AccessDenied: it is not.

    """
    if "read" not in grant.scopes:
        raise AccessDenied(f"The token {grant.name!r} is not for reading.")
    if grant.streams is None:
        return
    named = _OF_STREAM.fullmatch(path)
    if named is None:
        return
    try:
        stream_id = decode_stream_id(named[1])
    except ParameterInvalid:
        # It names no stream: whoever is behind here says so.
        return
    if not grant.is_for(stream_id):
        raise AccessDenied(f"The token {grant.name!r} is not for this stream.")


def _ticket(scope: ReadScope) -> str | None:
    try:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return None
    tickets = [value for name, value in query if name == "ticket"]
    if len(tickets) > 1:
        raise CredentialInvalid("Give one ticket.")
    return tickets[0] if tickets else None
