"""
How well spikes are found: the detector beside plain z > 3, on real minutes. `bench/detector.py [PATH]`

Input: CSV (gzip) with `vod_id,minute,chat_count,...`, one row a minute, every minute of a stream; by default the minutes
of 408 streams in `../shared/data`. Ours is the production `Detector`, fed windows through `observe`, all of its
constants as shipped. Plain z is (count - mean) / standard deviation of up to 30 preceding minutes, at least 10, without
the one under test; |z| > 3 is flagged.

Flagged: the share of all minutes, untouched, whose |z| is above 3 (early ones, which have no z, count as not flagged).

Recall: of spikes put in, the share with z above 3. 6,000 minutes are drawn (seed 2), each as likely as any other, out
of all that have 30 preceding minutes and at least one message; both methods get the very same ones, one at a time, with
an hour of history before each. Two ways of putting them in:

- level: the minute becomes 3 x the mean of its 30 preceding minutes. It asks: is a rise to three times the
  recent level seen? (Plain z's 0.7 and 0.0 are of this kind.)
- multiplied: the minute itself times 3. Harder, for many a minute lies well below its level to begin with, and
  tripled it is still no rise; so 1.0 can't be reached.

After a burst: the same, and the fifth minute before is made 6 x the level (or itself times 6). All are rounded. Each is
shown for minutes that had at least 1, 5 and 10 messages before anything was put in, so that the choice of eligible
minutes hides nothing. `tuned on` are the streams (even CRC-32 of the `vod_id`) that the constants were chosen on,
`held out` the others.
"""

from __future__ import annotations

import csv
import gzip
import statistics
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Final

from telemetra.domain.detection import Detector
from telemetra.domain.windows import ANOMALY_THRESHOLD, WindowSummary

DEFAULT_PATH: Final = Path(__file__).resolve().parents[2] / "shared/data/chat/sphynx_minutes.csv.gz"
SEED: Final = 2
POINTS: Final = 6000
HISTORY: Final = 60
LEVEL_MINUTES: Final = 30
PLAIN_LEAST_MINUTES: Final = 10
BURST_MINUTES_BEFORE: Final = 5
ELIGIBLE_COUNTS: Final = (1, 5, 10)
_START: Final = datetime(2024, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)

Method = Callable[[Sequence[int]], list[float | None]]
"""From the counts of consecutive minutes to their z-scores."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One spike put in, and which of the methods saw it."""

    held_out: bool
    way: str
    after_burst: bool
    count_before: int
    seen: dict[str, bool]


def plain(counts: Sequence[int]) -> list[float | None]:
    """Score every minute by the mean and deviation of those before it."""
    scores: list[float | None] = []
    for minute, count in enumerate(counts):
        history = counts[max(0, minute - LEVEL_MINUTES) : minute]
        deviation = statistics.pstdev(history) if len(history) >= PLAIN_LEAST_MINUTES else 0.0
        scores.append((count - statistics.fmean(history)) / deviation if deviation else None)
    return scores


def ours(counts: Sequence[int]) -> list[float | None]:
    """Score every minute by the production detector."""
    detector = Detector()
    return [detector.observe(_window(minute, count)).window.z_score for minute, count in enumerate(counts)]


METHODS: Final[dict[str, Method]] = {"plain z": plain, "telemetra": ours}


def main() -> int:
    """Read, judge, print."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PATH
    if not path.is_file():
        print(
            f"There is no {path}: give the path of a file of minutes as the only argument.", file=sys.stderr
        )
        return 2
    streams = read_minutes(path)
    minutes = sum(map(len, streams.values()))
    print(f"{path.name}: {len(streams)} streams, {minutes:,} minutes\n")
    print_flagged(streams)
    print_recall(list(trials(streams)))
    return 0


def read_minutes(path: Path) -> dict[str, list[int]]:
    """Return the message counts of each stream, minute by minute."""
    rows: defaultdict[str, dict[int, int]] = defaultdict(dict)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["vod_id"]][int(row["minute"])] = int(row["chat_count"])
    return {stream: [counts[minute] for minute in sorted(counts)] for stream, counts in sorted(rows.items())}


def trials(streams: dict[str, list[int]]) -> Iterator[Trial]:
    """Put spikes in, one at a time, and ask both methods about each."""
    eligible = [
        (stream, minute)
        for stream, counts in streams.items()
        for minute in range(LEVEL_MINUTES, len(counts))
        if counts[minute] >= ELIGIBLE_COUNTS[0]
    ]
    for stream, minute in sorted(Random(SEED).sample(eligible, min(POINTS, len(eligible)))):
        piece = streams[stream][max(0, minute - HISTORY) : minute + 1]
        for way, after_burst in product(("level", "multiplied"), (False, True)):
            changed = put_in(piece, way=way, after_burst=after_burst)
            yield Trial(
                held_out=held_out(stream),
                way=way,
                after_burst=after_burst,
                count_before=piece[-1],
                seen={name: last_is_spike(method, changed) for name, method in METHODS.items()},
            )


def put_in(counts: Sequence[int], *, way: str, after_burst: bool) -> list[int]:
    """Return the counts with a spike in the last minute and, if asked for, a burst five minutes before."""
    changed = list(counts)
    level = statistics.fmean(counts[-1 - LEVEL_MINUTES : -1])
    burst = -1 - BURST_MINUTES_BEFORE
    changed[-1] = round(3 * (level if way == "level" else counts[-1]))
    if after_burst:
        changed[burst] = round(6 * (level if way == "level" else counts[burst]))
    return changed


def last_is_spike(method: Method, counts: Sequence[int]) -> bool:
    """Whether the last minute's z-score is above 3."""
    if method is plain:  # It looks no further back, so there is no need to score the rest.
        counts = counts[-1 - LEVEL_MINUTES :]
    score = method(counts)[-1]
    return score is not None and score > ANOMALY_THRESHOLD


def held_out(stream: str) -> bool:
    """Whether this stream was kept from the choice of constants."""
    return zlib.crc32(stream.encode()) % 2 == 1


def print_flagged(streams: dict[str, list[int]]) -> None:
    """Print the shares of minutes flagged, with nothing put in."""
    print(f"{'share of minutes flagged':44}" + "".join(f"{name:>12}" for name in METHODS))
    scores = {name: {s: method(counts) for s, counts in streams.items()} for name, method in METHODS.items()}
    for label, chosen in _groups(streams):
        shares = [
            statistics.fmean(
                z is not None and abs(z) > ANOMALY_THRESHOLD for stream in chosen for z in by_stream[stream]
            )
            for by_stream in scores.values()
        ]
        print(f"  {label:42}" + "".join(f"{share:12.2%}" for share in shares), flush=True)
    falls = sum(z is not None and z < -ANOMALY_THRESHOLD for zs in scores["telemetra"].values() for z in zs)
    print(f"  (of ours, {falls} minutes are falls)\n")


def _groups(streams: dict[str, list[int]]) -> list[tuple[str, list[str]]]:
    return [
        ("all streams", list(streams)),
        ("tuned on", [stream for stream in streams if not held_out(stream)]),
        ("held out", [stream for stream in streams if held_out(stream)]),
    ]


def print_recall(done: Sequence[Trial]) -> None:
    """Print the recalls by way, eligibility and half."""
    for way in ("level", "multiplied"):
        for after_burst in (False, True):
            what = "a 3x spike 5 minutes after a 6x burst" if after_burst else "a 3x spike"
            print(f"recall of {what} ({way})")
            some = [trial for trial in done if trial.way == way and trial.after_burst == after_burst]
            for least in ELIGIBLE_COUNTS:
                eligible = [trial for trial in some if trial.count_before >= least]
                _print_recall_of(f"minutes of >= {least}, all streams", eligible)
                _print_recall_of(
                    f"minutes of >= {least}, held out", [trial for trial in eligible if trial.held_out]
                )
            print()


def _print_recall_of(label: str, chosen: Sequence[Trial]) -> None:
    recalls = (statistics.fmean(trial.seen[name] for trial in chosen) if chosen else 0.0 for name in METHODS)
    print(f"  {label:42}" + "".join(f"{recall:12.3f}" for recall in recalls) + f"   n = {len(chosen):,}")


def _window(minute: int, count: int) -> WindowSummary:
    start = _START + minute * _MINUTE
    return WindowSummary(
        stream_id="bench",
        window_start=start,
        window_end=start + _MINUTE,
        chat_count=count,
        unique_chatters=min(count, 1),
        avg_sentiment=None,
        chat_rate=count / 60,
        avg_viewers=None,
        z_score=None,
        is_anomaly=False,
    )


if __name__ == "__main__":
    sys.exit(main())
