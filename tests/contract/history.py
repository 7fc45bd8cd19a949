"""
Histories: transactions that open, write, end in any order, and a listener that is cut off anywhere in between.

Knows which rows open transactions have touched and leaves them to their owner, because in a real database the second
one would wait for the first. Every action of a history is possible in every state: what makes no sense is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from hypothesis import strategies as st

from telemetra.domain.changes import ChangeKind
from telemetra.domain.errors import StreamNotFound
from telemetra.domain.positions import Position
from tests.contract.listener import Copy, position_now
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.contract.world import Transaction, World

SLOTS: Final = 4
HISTORY_LENGTH: Final = 120
COMMITTED: Final = 0.8
WRITES: Final = (
    "put_stream",
    "put_window",
    "put_moment",
    "remove_stream",
    "remove_window",
    "remove_moment",
    "put_other_window",
    "move_moment",
)


@dataclass(frozen=True, slots=True)
class Begin:
    """Open a transaction in a slot, if none is open there: it takes its id long before it writes."""

    slot: int


@dataclass(frozen=True, slots=True)
class Write:
    """
    Write or remove row `number` by the slot's transaction, which is opened first where it must be.

    There are few rows and few values, so that writers meet and some writes change nothing.
    """

    slot: int
    what: str
    number: int
    value: int


@dataclass(frozen=True, slots=True)
class End:
    """Commit the slot's transaction, or roll it back."""

    slot: int
    commit: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    """Empty a table, when no transaction is open."""

    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Read:
    """Read a page of at most `limit` changes and be cut off after the first `kept` of them."""

    limit: int
    kept: int


Action = Begin | Write | End | Truncate | Read


def random_history(seed: int) -> list[Action]:
    """
    Return the history of this seed.

    Evenly random on purpose: lists that hypothesis draws itself lean to small and equal values, and missed faults (a
    merged order, a wrong label) that even ones find.
    """
    random = Random(seed)  # noqa: S311  (no secret is drawn)
    return [_random_action(random) for _ in range(HISTORY_LENGTH)]


def _random_action(random: Random) -> Action:
    slot = random.randrange(SLOTS)
    match random.choices(("begin", "write", "end", "read", "truncate"), (8, 50, 16, 22, 0.5))[0]:
        case "begin":
            return Begin(slot)
        case "write":
            return Write(slot, random.choice(WRITES), random.randrange(6), random.randrange(4))
        case "end":
            return End(slot, commit=random.random() < COMMITTED)
        case "read":
            return Read(random.randint(2, 5), random.randint(1, 2))
        case _:
            return Truncate(random.choice([ChangeKind.STREAM, ChangeKind.WINDOW, ChangeKind.MOMENT]))


histories: Final[st.SearchStrategy[list[Action]]] = st.integers(0, 2**32).map(random_history)


@dataclass(slots=True)
class Writers:
    """The transactions that are open, and the rows that they have touched."""

    world: World
    stream_id: str
    open: dict[int, Transaction] = field(default_factory=dict)
    touched: dict[tuple[str, int], int] = field(default_factory=dict)

    async def begin(self, slot: int) -> None:
        if slot not in self.open:
            self.open[slot] = await self.world.script.begin()

    async def write(self, action: Write) -> None:
        await self.begin(action.slot)
        transaction = self.open[action.slot]
        table = action.what.rpartition("_")[2] + ("_other" if "other" in action.what else "")
        row = (table, 0 if table == "stream" else action.number)
        if self.touched.setdefault(row, action.slot) == action.slot:
            await self._write(transaction, action)

    async def end(self, slot: int, *, commit: bool) -> None:
        if transaction := self.open.pop(slot, None):
            await (transaction.commit() if commit else transaction.rollback())
            self.touched = {row: owner for row, owner in self.touched.items() if owner != slot}

    async def truncate(self, kind: ChangeKind) -> None:
        if not self.open:
            async with self.world.transaction() as transaction:
                await transaction.truncate(kind)

    async def end_all(self) -> None:
        for slot in sorted(self.open, reverse=True):
            await self.end(slot, commit=True)

    async def _write(self, transaction: Transaction, action: Write) -> None:
        mine, other = self.stream_id, f"{self.stream_id}-other"
        number, value = action.number, action.value
        moment_id = f"{mine}-{number}"
        match action.what:
            case "put_stream":
                await transaction.put_stream(a_stream(mine, title=f"Title {value}"))
            case "put_window":
                await transaction.put_window(a_window(number, stream_id=mine, chat_count=value))
            case "put_other_window":
                await transaction.put_window(a_window(number, stream_id=other, chat_count=value))
            case "put_moment":
                await transaction.put_moment(a_moment(moment_id, stream_id=mine, metric_value=value))
            case "move_moment":
                await transaction.put_moment(a_moment(moment_id, stream_id=other, metric_value=value))
            case "remove_stream":
                await transaction.remove_stream(mine)
            case "remove_window":
                await transaction.remove_window(mine, at(number), at(number + 1))
            case "remove_moment":
                await transaction.remove_moment(moment_id)


@dataclass(slots=True)
class Resumer:
    """A listener that reads a page, is cut off somewhere in it, and comes back with a position's text."""

    world: World
    stream_id: str
    position: Position
    copy: Copy = field(default_factory=Copy)

    async def read(self, *, limit: int, kept: int) -> bool:
        """Read one page and return whether there was anything; what was kept to the end must be complete."""
        position = Position.parse(str(self.position))
        try:
            page = await self.world.ports.feed.since(self.stream_id, position, limit=limit)
        except StreamNotFound:
            await self.copy.assert_complete(self.world, self.stream_id)
            return False
        assert len(page.changes) == len(page.positions) <= limit
        kept = min(kept, len(page.changes))
        self.copy.apply(page.changes[:kept])
        self.position = page.positions[kept - 1] if kept else page.position
        await self.copy.read_again_if_told(self.world, self.stream_id)
        if kept == len(page.changes) and not page.more:
            await self.copy.assert_complete(self.world, self.stream_id)
        return bool(page.changes)


async def assert_resumes_exactly(world: World, stream_id: str, history: Sequence[Action]) -> None:
    """Play a history before a listener that is cut off again and again: nothing lost, nothing told twice."""
    writers = Writers(world, stream_id)
    resumer = Resumer(world, stream_id, await position_now(world))
    for action in history:
        match action:
            case Begin(slot):
                await writers.begin(slot)
            case Write():
                await writers.write(action)
            case End(slot, commit):
                await writers.end(slot, commit=commit)
            case Truncate(kind):
                await writers.truncate(kind)
            case Read(limit, kept):
                await resumer.read(limit=limit, kept=kept)
    await writers.end_all()
    for _ in range(1_000):
        if not await resumer.read(limit=2, kept=1):
            break
    else:
        raise AssertionError("The reading never ends.")
    await resumer.copy.assert_complete(world, stream_id)
