"""`Telemetra`: a service's streams, windows, moments and live updates, for programs of threads."""

from __future__ import annotations

import ssl
import time
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakSet

import httpx

from telemetra.client import questions
from telemetra.client.access import Token
from telemetra.client.answers import answered, page_of, value_of, why_unanswered
from telemetra.client.attempts import Attempts
from telemetra.client.connections import Settings
from telemetra.client.errors import TelemetraError
from telemetra.client.live_following import Following, OnLost
from telemetra.client.live_sync import Live
from telemetra.client.reads import Freshness, Page, Request
from telemetra.client.rows import Rows
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

T = TypeVar("T")


class Telemetra:
    """
    A service's streams, windows, moments and live updates.

    Close it by `with`, or by `close()`; it may be shared by threads. `AsyncTelemetra` is the same for asyncio.

    What the reads raise: `StreamNotFound`, `ParameterInvalid`, `PositionInvalid`, `TokenRefused`, `AccessDenied`,
    `TooManyRequests`, `ServiceUnavailable`, all of them `RequestRefused` with the service's `code`, `status`, `detail` and
    `errors`; `ServiceUnreachable` where no answer comes, `AnswerUnreadable` where it is none of Telemetra's. All are
    `TelemetraError`. Arguments that can't be used are a `ValueError` or `TypeError`, before anything is asked.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        token: Token = None,
        timeout_seconds: float | None = None,
        retries: int = 2,
        ssl_context: ssl.SSLContext | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        """
        Name the service; nothing is asked yet.

        Args:
            base_url: Its address, `http(s)://` or `ws(s)://`; a path is kept as a prefix.
            token: What a service that asks for tokens wants; or what returns the one of the moment. The environment is not
                looked at: a token goes only where you send it.
            timeout_seconds: How long connecting, and each wait for more of an answer, may take: 10, or as `http_client` has
                it. Following live has its own limits.
            retries: How often a read is tried again where that may help: the connection failed, or the service answers 429,
                502, 503 or 504. The wait is the service's advice (`Retry-After`, up to 10 s), else a growing random one.
            ssl_context: Whose certificates are trusted, and which is shown, by reads and live sockets.
            http_client: Sends the reads instead of one of this client's own, and is left open; live sockets don't use it.

        Raises:
            UrlInvalid: `base_url` is no address, or names a user although there is a token.
            TokenInvalid: no header can carry the token.

        """
        self._settings = Settings.checked(base_url, token=token, ssl_context=ssl_context, retries=retries)
        self._own_http = None
        self._timeout: Any = httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds
        if http_client is None:
            http_client = self._own_http = httpx.Client(**self._settings.http_options(timeout_seconds))
        self._http = http_client
        self._following: WeakSet[Live] = WeakSet()

    def streams(
        self, *, limit: int | None = None, position: str | None = None, no_cache: bool = False
    ) -> Rows[Stream]:
        """
        Return the streams, the most recently updated first.

        Streams that are updated while you go through the pages may move, and come twice.

        Args:
            limit: How many at most, in all.
            position: The answer includes what a reader at this position has seen.
            no_cache: Asks the database, whatever is kept.

        """
        freshness = Freshness(position=position, no_cache=no_cache)
        return Rows(questions.of_streams(self._settings.address, limit, freshness), self._page)

    def stream(self, stream_id: str, *, position: str | None = None, no_cache: bool = False) -> Stream:
        """
        Return a stream as its writers describe it.

        Args:
            stream_id: Any text of 1 to 512 bytes.
            position: The answer includes what a reader at this position has seen.
            no_cache: Asks the database, whatever is kept.

        Raises:
            StreamNotFound: no writer has described such a stream, though it may have windows.

        """
        freshness = Freshness(position=position, no_cache=no_cache)
        request = questions.of_stream(self._settings.address, stream_id, freshness)
        return value_of(request, self._ask(request))

    def metrics(
        self,
        stream_id: str,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = None,
        position: str | None = None,
        no_cache: bool = False,
    ) -> Rows[MetricWindow]:
        """
        Return a stream's windows, newest first; a known stream with nothing in the range has none.

        Args:
            stream_id: Any text of 1 to 512 bytes.
            start_time: Only windows that begin at this time or later; with a time zone.
            end_time: Only windows that begin before this time; with a time zone.
            limit: How many at most, in all.
            position: The answer includes what a reader at this position has seen.
            no_cache: Asks the database, whatever is kept.

        """
        freshness = Freshness(position=position, no_cache=no_cache)
        address = self._settings.address
        return Rows(
            questions.of_metrics(address, stream_id, start_time, end_time, limit, freshness), self._page
        )

    def moments(
        self,
        stream_id: str,
        *,
        moment_type: MomentType | str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = None,
        position: str | None = None,
        no_cache: bool = False,
    ) -> Rows[Moment]:
        """
        Return a stream's moments, newest first; a known stream with nothing in the range has none.

        Args:
            stream_id: Any text of 1 to 512 bytes.
            moment_type: Only those of one type.
            start_time: Only moments at this time or later; with a time zone.
            end_time: Only moments before this time; with a time zone.
            limit: How many at most, in all.
            position: The answer includes what a reader at this position has seen.
            no_cache: Asks the database, whatever is kept.

        """
        freshness = Freshness(position=position, no_cache=no_cache)
        address = self._settings.address
        return Rows(
            questions.of_moments(address, stream_id, moment_type, start_time, end_time, limit, freshness),
            self._page,
        )

    def live(self, stream_id: str, *, since: str | None = None, on_lost: OnLost | None = None) -> Live:
        """
        Follow a stream; nothing is opened before the first update is wanted.

        Args:
            stream_id: Any text of 1 to 512 bytes.
            since: Where to go on: the `position` of an update, or of a read. None begins with a snapshot.
            on_lost: Is told of each connection that ends or does not come about, and when the next one is tried. By default
                the logger `telemetra.client` warns of it.

        """
        following = Following(self._settings.address, stream_id, since=since)
        live = Live(following, self._settings.access, on_lost)
        self._following.add(live)
        return live

    def close(self) -> None:
        """End what is followed, and close the connections that are this client's own."""
        for live in list(self._following):
            live.close()
        if self._own_http is not None:
            self._own_http.close()

    def __enter__(self) -> Self:
        """Keep it open until the block's end."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Name the service, and no secret."""
        return f"Telemetra({str(self._settings.address)!r})"

    def _page(self, request: Request[list[T]]) -> Page[T]:
        return page_of(request, self._ask(request))

    def _ask(self, request: Request[T]) -> httpx.Response:
        attempts = Attempts(self._settings.retries)
        while True:
            try:
                return self._ask_once(request)
            except TelemetraError as error:
                delay = attempts.delay_after(error)
                if delay is None:
                    raise
            time.sleep(delay)

    def _ask_once(self, request: Request[T]) -> httpx.Response:
        headers = self._settings.headers(request)
        try:
            answer = self._http.get(
                request.url, headers=headers, timeout=self._timeout, follow_redirects=False
            )
        except httpx.RequestError as error:
            raise why_unanswered(error) from error
        return answered(answer)
