"""
A follower that is cut off at random, held to what is stored: the reference clients' count, of what `LiveStream` hands over.

It connects by itself; what is done to it is done to its network.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

from bench.live.resume_clients import Client, Tally

from tests.clients.typescript.told import Told
from tests.contract.proxy import Proxy

_LONGEST_AWAY_SECONDS = 0.5


class CutOff(Client):
    """One follower behind a proxy of its own."""

    def __init__(
        self, name: str, stream_id: str, told: Told, proxy: Proxy, tally: Tally, *, seed: int
    ) -> None:
        super().__init__(name, stream_id, lambda _random: "", tally, seed=seed)
        self.kinds: Counter[str] = Counter()
        """How often it was cut off in which way."""
        self._follower = told
        self._proxy = proxy
        self._chance = Random(seed)  # noqa: S311  (draws faults, guards nothing)

    async def run(self, wanted_cuts: int, more_cuts: Callable[[], None]) -> None:
        """Take what the follower is told until the stream's end; cut until there were so many cuts of all."""
        number, taken, budget = 0, 0, self._budget()
        while not self._at_end:
            line = await self._follower.line(number)
            number += 1
            if "message" in line:
                taken += self._take(line["message"])
            if self._tally.cuts < wanted_cuts and taken >= budget and self.stands.is_set():
                await self._cut()
                self._tally.cuts += 1
                self._tally.cuts_inside_steps += self._is_inside_step()
                more_cuts()
                taken, budget = 0, self._budget()

    async def _cut(self) -> None:
        kind = self._chance.choices(("reset", "away", "silent"), (80, 16, 4))[0]
        self.kinds[kind] += 1
        if kind == "silent":
            # The connection stays, and carries nothing more: the follower has to notice by itself.
            self._proxy.freeze()
            return
        await self._proxy.cut()
        if kind == "away":
            await asyncio.sleep(self._chance.uniform(0, _LONGEST_AWAY_SECONDS))
        await self._proxy.restore()
