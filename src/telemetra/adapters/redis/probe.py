"""Whether Redis answers."""

from __future__ import annotations

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from telemetra.domain.errors import RedisUnavailable

ANSWER_SECONDS: Final = 0.5


class RedisProbe:
    """Pings Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def check(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._client.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise RedisUnavailable("Redis does not answer.") from error
