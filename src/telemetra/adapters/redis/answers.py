"""Answers shared over Redis: a value each, which Redis itself lets expire."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final

import structlog
from redis.exceptions import ResponseError

from telemetra.adapters.redis.breaker import Breaker
from telemetra.adapters.redis.connections import Connect
from telemetra.adapters.redis.pipeline import Pipeline, PipelineBroken

GET_SECONDS: Final = 0.05
MAX_CONTENT_BYTES: Final = 1024 * 1024
_NO_STRING: Final = "WRONGTYPE"
"""What Redis answers for a key under which something else is kept than a value."""
_MAX_WAITING: Final = 200
"""So many commands may be under way before nothing more is stored: each holds its content."""

_log = structlog.get_logger(__name__)


class RedisAnswers:
    """
    A `SharedAnswers`. Those with the same `namespace` share theirs: it names the database that they are of.

    What does not answer within `get_seconds` is given up, and Redis is left alone for a while; one attempt then decides
    for all.
    """

    def __init__(self, connect: Connect, *, namespace: str, get_seconds: float = GET_SECONDS) -> None:
        self._pipeline = Pipeline(connect)
        self._prefix = f"telemetra:answers:{namespace}:".encode()
        self._breaker = Breaker(monotonic)
        self._get_seconds = get_seconds
        self.refused_stores = 0
        """How many answers Redis has not taken, as when it is full."""
        self._refusing = False

    @property
    def rests(self) -> bool:
        """Whether Redis is left alone for a while."""
        return not self._breaker.is_closed

    async def get(self, key: bytes) -> bytes | None:
        if not self._breaker.lets_try():
            return None
        try:
            async with asyncio.timeout(self._get_seconds):
                found: bytes | None = await self._pipeline.send("GET", self._prefix + key)
        except (TimeoutError, PipelineBroken, ResponseError) as error:
            if str(error).startswith(_NO_STRING):
                # Redis answers well enough: what is there is not ours, and the next one to be stored takes its place.
                _log.warning("shared_answer_unreadable", reason=str(error))
                self._succeed()
                return None
            self._fail(str(error) or "no answer in time")
            return None
        except asyncio.CancelledError:
            # Whoever asked is gone; the attempt has told nothing.
            self._breaker.gave_up()
            raise
        self._succeed()
        return found

    def put(self, key: bytes, content: bytes, *, ttl_seconds: float) -> None:
        if not self._breaker.is_closed or self._pipeline.waiting > _MAX_WAITING:
            return
        if len(content) <= MAX_CONTENT_BYTES:
            storing = self._pipeline.send("SET", self._prefix + key, content, "PX", round(ttl_seconds * 1000))
            storing.add_done_callback(self._look_at)

    async def aclose(self) -> None:
        """Let the connection go."""
        await self._pipeline.aclose()

    def _fail(self, reason: str) -> None:
        if self._breaker.is_closed:
            _log.warning("shared_cache_away", reason=reason)
        self._breaker.failed()
        if self._pipeline.is_open:
            # What comes late would be waited for by all that follow; one that is still being opened may come to be.
            self._pipeline.reset()

    def _look_at(self, storing: asyncio.Future[Any]) -> None:
        """Take note of a refusal (Redis is full), which costs nothing but the entry; the first of several is told."""
        if storing.cancelled():
            return
        refusal = storing.exception()
        if isinstance(refusal, ResponseError):
            self.refused_stores += 1
            if not self._refusing:
                _log.warning("shared_cache_refuses", reason=str(refusal))
        elif refusal is None and self._refusing:
            _log.info("shared_cache_takes_again")
        if refusal is None or isinstance(refusal, ResponseError):
            self._refusing = refusal is not None

    def _succeed(self) -> None:
        if not self._breaker.is_closed:
            _log.info("shared_cache_back")
        self._breaker.succeeded()
