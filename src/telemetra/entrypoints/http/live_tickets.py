"""Tickets for the live socket: for browsers, which can send no token with its handshake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.http.operations import Documented, operation

_EXAMPLE_TICKET: Final = "mF_9B5f-4.1JqM"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTicket:
    """What opens the live socket, in place of a token."""

    ticket: str
    """Give it as `ticket` in the socket's query, soon: take another one for each connection."""
    expires_at: datetime
    """Until then a connection may begin with it; one that stands is not ended by it."""


def live_tickets_route(ticket_for: Callable[[ReadScope], tuple[str, int]]) -> HTTPRouteHandler:
    """Return the route; `ticket_for` makes the ticket for a request's bearer, and says when it is over (since 1970)."""

    @post(
        "/api/v1/live-tickets",
        operation_id="createLiveTicket",
        tags=["Live"],
        summary="Get a ticket for the live socket",
        operation_class=operation(
            Documented(
                answer="The ticket.",
                example=LiveTicket(
                    ticket=_EXAMPLE_TICKET, expires_at=datetime(2026, 5, 1, 20, 15, 30, tzinfo=UTC)
                ),
                is_guarded=True,
                errors=(500,),
            )
        ),
    )
    async def create_live_ticket(request: Request[Any, Any, Any]) -> Response[LiveTicket]:
        """
        Return a ticket that opens `/ws/live/{stream_id}?ticket=TICKET` within half a minute.

        For browsers, whose sockets can send no `Authorization`: a token in a URL would end up in logs. The ticket allows
        what the token allows that it was given for. Where no tokens are asked for, none is needed, and one does no harm.
        """
        ticket, over_at = ticket_for(request.scope)
        return Response(
            LiveTicket(ticket=ticket, expires_at=datetime.fromtimestamp(over_at, UTC)),
            status_code=HTTPStatus.CREATED,
            headers={"Cache-Control": "no-store"},
        )

    return create_live_ticket
