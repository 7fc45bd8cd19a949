"""
Where a listener stands that is not abreast of the hub: its position, and its place in the log of its stream.

This is where 'nothing lost, nothing twice' is decided for those who read the database, lag, or come back. Knows nothing
of tasks or sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from telemetra.domain.positions import Position
from telemetra.entrypoints.live.channel import Channel, FallenBehind
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.steps import remainder


class Standing:
    """
    A position, and the number of the hub's steps from which on the log completes it.

    While `on_log` is unset, what comes after the position has to be read from the database first.
    """

    __slots__ = ("on_log", "place", "position")

    def __init__(self, position: Position, place: int, *, on_log: bool) -> None:
        self.position = position
        self.place = place
        self.on_log = on_log

    def missed(self, channel: Channel, now: datetime) -> Iterator[Burst]:
        """
        Yield what the log has after this place, and move along; whoever has enough for now may stop anywhere.

        It ends where the log does, or where the database has to be read.
        """
        try:
            for place, step in channel.after(self.place):
                rest = remainder(channel.stream_id, step, self.position, now)
                if rest is None:
                    self.on_log = False
                    return
                self.position, self.place = rest.position, place
                yield rest.burst
        except FallenBehind:
            self.on_log = False

    def is_behind(self, hub: Position | None) -> bool:
        """
        Whether, at the log's end, the hub has seen everything that was seen here, and can take it from there.

        What the hub saw and this has not had nothing for the stream, or the log would have it. Where this is ahead, or of
        another history, it has to wait for the hub's next step.
        """
        return hub is not None and hub.epoch == self.position.epoch and hub.seen.includes(self.position.seen)

    def is_of_another_history(self, hub: Position | None) -> bool:
        """Whether only the database can tell which of two histories is its own."""
        return hub is not None and hub.epoch != self.position.epoch
