"""
Reads: what a GET of the API asks, and the answer to it, whoever asks: a route, or the cache in front of the routes.

A read is declared once: its path, its parameters, what it asks of the ports, how its pages are linked, and how long an
answer may be kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from telemetra.domain.ports import Ports
from telemetra.domain.queries import Answer
from telemetra.entrypoints.http.answers import Reply, make_reply
from telemetra.entrypoints.http.parameters import Parameters, QueryParameter, read_parameters
from telemetra.entrypoints.paths import decode_stream_id

Q = TypeVar("Q", bound=Hashable)

SEEN_STREAMS: Final = "seen_streams"
"""In the state of a request whose bearer may see some streams alone: which (a frozenset)."""

_NO_LINKS: Final[Mapping[str, str]] = {}


def no_links(_parameters: Parameters, _query: Any, _answer: Answer[Any]) -> Mapping[str, str]:
    """Link an answer that has no pages."""
    return _NO_LINKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[Q]):
    """
    One kind of question.

    Two requests whose `query(...)` is equal are the same question, however they are written.
    """

    path: str
    """The route, with `{stream_id}` where it is a stream's own: then the answer is read from that stream alone."""
    parameters: Sequence[QueryParameter]
    query: Callable[..., Q]
    """Make the question of the stream's id (where there is one) and the values that were given."""
    ask: Callable[[Ports, Q], Awaitable[Answer[Any]]]
    links: Callable[[Parameters, Q, Answer[Any]], Mapping[str, str]] = no_links
    """Return the targets of an answer's links by their relation (RFC 8288)."""
    ttl_setting: str
    """Which setting says how many seconds an answer may be kept."""

    def asked(self, query_string: bytes, *segments: str) -> Asked[Q]:
        """
        Understand a request: `segments` are those of the path that the route leaves open, still encoded.

        Raises:
            ParametersInvalid: some parameters can't be used.
            ParameterInvalid: they can't be used together, or a segment spells no id.

        """
        parameters = read_parameters(query_string, self.parameters)
        ids = [decode_stream_id(segment) for segment in segments]
        return Asked(self, parameters, self.query(*ids, **parameters.values), *ids)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q]):
    """A question as it was asked: in words that the links go on with."""

    read: Read[Q]
    parameters: Parameters
    query: Q
    stream_id: str | None = None
    """Of which stream, if of one."""

    async def reply(self, ports: Ports) -> Reply:
        """
        Ask the ports.

        Raises:
            StreamNotFound, DatabaseUnavailable: as the port says.

        """
        answer = await self.read.ask(ports, self.query)
        return make_reply(answer, self.read.links(self.parameters, self.query, answer))
