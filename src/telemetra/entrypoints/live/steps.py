"""
What a step of the database's changes means for the listeners of one stream, and for one that stands elsewhere.

Pure: positions and frames. This is where 'each change once' is decided; knows nothing of tasks or sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from telemetra.domain.changes import Change, Removal, Step
from telemetra.domain.moments import Moment
from telemetra.domain.positions import Cut, Position
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.protocol import encode
from telemetra.live_messages import MetricsMessage, MomentMessage, RemovedMessage, StreamMessage

_KEPT_WITH_A_FRAME_BYTES: Final = 512
"""Roughly what the change and its label take beside the frame's own bytes."""


_NOTHING: Final = Burst(())


@dataclass(frozen=True, slots=True)
class Frame:
    """One change, encoded once for everybody that gets it under this label."""

    change: Change
    payload: bytes


@dataclass(frozen=True, slots=True)
class StreamStep:
    """
    A step as the listeners of one stream get it.

    `frames` is None where they are not carried: whoever has not seen `after` reads from the database what is new.
    `burst` is what those at `before` are written, the same bytes for everybody.
    """

    before: Position
    after: Position
    frames: tuple[Frame, ...] | None
    burst: Burst = _NOTHING

    @property
    def kept_bytes(self) -> int:
        """What keeping it costs, roughly."""
        return 2 * len(self.burst.wire) + _KEPT_WITH_A_FRAME_BYTES * len(self.burst)


@dataclass(frozen=True, slots=True)
class Remainder:
    """What of a step a listener has still to get, and where it stands then."""

    burst: Burst
    position: Position


def stream_step(stream_id: str, step: Step, now: datetime) -> StreamStep | None:
    """Build the stream's part of a step; None where the step has nothing for it."""
    if not step.carried or stream_id in step.uncarried:
        return StreamStep(step.before, step.after, None)
    changes = [*step.changes.get(stream_id, ()), *step.everywhere]
    if not changes:
        return None
    # Those of the stream and those of all streams are in order each; a label needs the order of both together.
    changes.sort(key=lambda change: change.key)
    frames = frames_between(stream_id, changes, step.before, step.after, now)
    return StreamStep(step.before, step.after, frames, Burst([frame.payload for frame in frames]))


def frames_between(
    stream_id: str, changes: Iterable[Change], before: Position, after: Position, now: datetime
) -> tuple[Frame, ...]:
    """Encode changes, in order, for a reader at `before`: labelled as cuts on the way, the last one `after`."""
    changes = list(changes)
    cuts = [Position(before.epoch, before.seen, Cut(after.seen, change.key)) for change in changes[:-1]]
    return tuple(
        Frame(change, encode_change(stream_id, change, position, now))
        for change, position in zip(changes, [*cuts, after], strict=False)
    )


def remainder(stream_id: str, step: StreamStep, position: Position, now: datetime) -> Remainder | None:
    """
    Say what a listener at `position` (no cut) still has to get of a step; None where only the database can tell.

    A listener that read the database itself may stand anywhere around the step: past it, in the middle, or before.
    """
    if position.epoch != step.after.epoch:
        return None
    if position.seen.includes(step.after.seen):
        return Remainder(_NOTHING, position)
    if step.frames is None:
        return None
    if step.before.seen.includes(position.seen):
        return Remainder(step.burst, step.after)
    # It has seen some of the step. Under the shared labels, which begin at `before`, a later resume would get
    # that part again.
    unseen = [frame.change for frame in step.frames if not position.seen.sees(frame.change.revision)]
    own = frames_between(stream_id, unseen, position, step.after, now)
    return Remainder(Burst([frame.payload for frame in own]), step.after)


def step_from(step: Step, position: Position) -> Step | None:
    """
    Return what of a step comes after `position`, where somebody stood who takes steps one after the other.

    None where the position includes all of it, or does not lead to it: a step of another's, who was behind. One that
    begins after the position is returned as not carried: what came between has to be read.
    """
    if step.after.epoch != position.epoch:
        return replace(step, before=position, changes={}, everywhere=(), carried=False)
    if position.seen.includes(step.after.seen) or not step.after.seen.includes(position.seen):
        return None
    if not position.seen.includes(step.before.seen):
        return replace(step, before=position, changes={}, everywhere=(), carried=False)
    if step.before.seen.includes(position.seen):
        return step
    # The beginning of the step was seen already, in a step of another's.
    return replace(
        step,
        before=position,
        changes={stream_id: _unseen(some, position) for stream_id, some in step.changes.items()},
        everywhere=_unseen(step.everywhere, position),
    )


def _unseen(changes: Iterable[Change], position: Position) -> list[Change]:
    return [change for change in changes if not position.seen.sees(change.revision)]


def encode_change(stream_id: str, change: Change, position: Position, now: datetime) -> bytes:
    """Return the message that tells one change; after it a reader stands at `position`."""
    label = str(position)
    match change.data:
        case MetricWindow() as window:
            return encode(MetricsMessage(stream_id=stream_id, timestamp=now, data=window, position=label))
        case Moment() as moment:
            return encode(MomentMessage(stream_id=stream_id, timestamp=now, data=moment, position=label))
        case Stream() as stream:
            return encode(StreamMessage(stream_id=stream_id, timestamp=now, data=stream, position=label))
        case Removal() as removal:
            return encode(RemovedMessage(stream_id=stream_id, timestamp=now, data=removal, position=label))
