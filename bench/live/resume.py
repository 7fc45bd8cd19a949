"""
Is anything lost or told twice when everything fails? A thousand cuts, services and PostgreSQL killed, hard writers.

Two services serve one PostgreSQL, which is not theirs, so that it can be killed apart. Clients come back to either of
them, and count (`resume_clients`), while writers write (`resume_writers`). What happens when is decided by how many
cuts there were, never by the clock.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from bench.live.database import Database, run_database, temporary_home
from bench.live.database_service import Service, start_service
from bench.live.options import Options
from bench.live.report import Row, say
from bench.live.resume_clients import Client, Tally
from bench.live.resume_course import Event, compare, run_course
from bench.live.resume_writers import Writers

SEED: Final = 3
STREAMS: Final = ("alpha", "beta", "gamma")
_CLIENTS: Final = 12
_WRITERS: Final = 8
_CUTS: Final = 1_000
_QUICK_CUTS: Final = 120
_HEARTBEAT_SECONDS: Final = "1"
_ABORTED_IDS: Final = 40
_LOOK_SECONDS: Final = 0.1
_CHANGE_ANCHOR: Final = "update moments set description = $1 where moment_id = 'alpha-anchor'"


@dataclass(slots=True)
class Course:
    """What happens on the way, by the number of cuts."""

    database: Database
    services: list[Service]
    writers: Writers
    clients: list[Client]
    happened: Counter[str] = field(default_factory=Counter)
    rolled_back: list[int] = field(default_factory=list)
    away: Sequence[Client] = ()

    async def kill_services(self, *numbers: int) -> None:
        """Kill these services at once and start them again, at the same addresses."""
        for number in numbers:
            await self.services[number].end(signal.SIGKILL)
        for number in numbers:
            self.services[number] = await start_service(
                self.database, port=self.services[number].port, LIVE_HEARTBEAT=_HEARTBEAT_SECONDS
            )
        self.happened["services killed"] += len(numbers)

    async def kill_postgres(self) -> None:
        """
        Kill PostgreSQL right after a rollback, when clients have heard of a time after it.

        Nothing but a commit writes the log then, and there is none: what the rolled back transactions left in memory is
        lost, and their ids are handed out again. Some of the clients come back only when that is long done.
        """
        away = self.clients[:: len(STREAMS) + 1]
        async with self.writers.held():
            self.database.stop_log_writers()
            self.rolled_back = await self._roll_back()
            await _hear_a_heartbeat(away)
            for client in away:
                client.leave()
            self.database.kill()
        await self.database.answers()
        self.away = away
        self.happened["PostgreSQL killed"] += 1

    async def bring_back(self) -> None:
        """Let those come that stayed away."""
        for client in self.away:
            client.come_back()

    async def count_reused_ids(self) -> None:
        """Count the rolled back transactions whose ids were handed out again, to ones that were committed."""
        async with self.database.connected() as connection:
            for transaction in self.rolled_back:
                status = await connection.fetchval("select pg_xact_status($1::text::xid8)", str(transaction))
                self.happened["ids of rolled back transactions committed anew"] += status == "committed"

    async def _roll_back(self) -> list[int]:
        """Let transactions write and roll back, and return their ids."""
        transactions = []
        async with self.database.connected() as connection:
            for number in range(_ABORTED_IDS):
                await connection.execute("begin")
                await connection.execute(_CHANGE_ANCHOR, str(number))
                transactions.append(int(await connection.fetchval("select pg_current_xact_id()::text")))
                await connection.execute("rollback")
        return transactions


async def _hear_a_heartbeat(clients: Sequence[Client]) -> None:
    """Wait until each of these was sent a position that is newer than now; bounded, for one may be away just then."""
    before = [client.heartbeats for client in clients]
    for _ in range(100):
        # The first heartbeat may have been on its way already.
        if all(client.heartbeats > heard + 1 for client, heard in zip(clients, before, strict=True)):
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def run(options: Options) -> list[Row]:
    """Run the course and tell what the clients counted."""
    cuts = _QUICK_CUTS if options.quick else _CUTS
    async with temporary_home() as home, run_database(home) as database:
        await database.migrate()
        async with _services(database, 2) as services:
            tally, course = await _run_course(database, services, cuts)
    for fault in tally.faults:
        say(f"  {fault}")
    happened = {**course.happened, **course.writers.counts, **tally.ends}
    details = {"seed": SEED, "messages": tally.messages, "faults": tally.faults, "happened": happened}
    return [
        Row(
            figure=f"resume: {tally.cuts} cuts ({tally.cuts_inside_steps} inside a step), {len(course.clients)} clients, "
            f"{_WRITERS} writers, {course.happened['services killed']} kills of services, "
            f"{course.happened['PostgreSQL killed']} of PostgreSQL",
            wanted="0 lost, 0 doubled",
            got=f"{tally.lost} lost, {tally.doubled} doubled of {tally.messages:,} messages",
            met=tally.clean,
            details=details,
        ),
        Row(
            figure="resume: positions that could not be resumed",
            wanted="0",
            got=str(tally.resets),
            met=tally.resets == 0,
        ),
        Row(
            figure="resume: what writers did",
            wanted="",
            got=", ".join(f"{number:,} {name}" for name, number in course.writers.counts.items())
            + f"; {course.happened['ids of rolled back transactions committed anew']} of {_ABORTED_IDS} ids that were "
            "rolled back before PostgreSQL was killed were committed after it",
        ),
    ]


@asynccontextmanager
async def _services(database: Database, number: int) -> AsyncIterator[list[Service]]:
    services: list[Service] = []
    try:
        while len(services) < number:
            services += [await start_service(database, LIVE_HEARTBEAT=_HEARTBEAT_SECONDS)]
        yield services
    finally:
        for service in services:
            await service.end()


async def _run_course(database: Database, services: list[Service], cuts: int) -> tuple[Tally, Course]:
    tally = Tally()
    writers = Writers(database.connect, STREAMS, writers=_WRITERS, seed=SEED)
    await writers.prepare()

    def choose(random: Random) -> str:
        return random.choice(services).live_url

    clients = [
        Client(f"client {number}", STREAMS[number % len(STREAMS)], choose, tally, seed=SEED + number)
        for number in range(_CLIENTS)
    ]
    course = Course(database, services, writers, clients)
    events: list[Event] = [
        (cuts * 1 // 5, partial(course.kill_services, 0, 1)),
        (cuts * 2 // 5, course.kill_postgres),
        (cuts * 1 // 2, course.bring_back),
        (cuts * 3 // 5, partial(course.kill_services, 0)),
        (cuts * 4 // 5, partial(course.kill_services, 0, 1)),
    ]
    await run_course(clients, writers, tally, cuts=cuts, events=events)
    await course.count_reused_ids()
    async with database.connected() as connection:
        await compare(clients, connection)
    return tally, course
