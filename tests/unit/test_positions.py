"""Positions: their text is exact, bounded and safe to take from anybody; snapshots compare as sets."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.positions import MAX_TEXT_BYTES, ChangeKey, Cut, Position, Snapshot

MAX_REVISION = 2**64 - 1
EPOCH = b"\x00epoch\xff\x01"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@st.composite
def snapshots(draw: st.DrawFn, max_xmax: int = MAX_REVISION, max_size: int = 40) -> Snapshot:
    xmax = draw(st.integers(0, max_xmax))
    in_progress = draw(st.sets(st.integers(0, xmax - 1), max_size=max_size)) if xmax else set()
    return Snapshot(xmax, tuple(sorted(in_progress)))


@st.composite
def positions(draw: st.DrawFn) -> Position:
    keys = st.builds(ChangeKey, st.integers(0, MAX_REVISION), st.integers(0, 3), texts)
    cut = draw(st.none() | st.builds(Cut, snapshots(), keys))
    return Position(draw(st.binary(min_size=8, max_size=8)), draw(snapshots()), cut)


def busy(transactions: int, *, spread: int) -> Snapshot:
    """Return a snapshot with many transactions in progress, `spread` apart."""
    return Snapshot(transactions * spread + 1, tuple(range(0, transactions * spread, spread)))


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- the text


@given(positions())
def test_a_position_is_the_same_after_its_text(position: Position) -> None:
    assert Position.parse(str(position)) == position


@given(positions())
def test_the_text_is_safe_in_a_url_and_in_a_header(position: Position) -> None:
    assert set(str(position)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_text_of_an_idle_database_is_short() -> None:
    assert len(str(Position(EPOCH, Snapshot(1_000_000)))) < 20


@pytest.mark.parametrize("transactions", [100, 1_000, 10_000])
@pytest.mark.parametrize("spread", [1, 300, 2**40])
def test_the_text_is_never_longer_than_2_kb(transactions: int, spread: int) -> None:
    assert len(str(Position(EPOCH, busy(transactions, spread=spread)))) <= MAX_TEXT_BYTES


def test_the_worst_snapshot_that_fits_64_bits_stays_below_2_kb() -> None:
    spread = MAX_REVISION // 5_000
    assert len(str(Position(EPOCH, busy(5_000, spread=spread)))) <= MAX_TEXT_BYTES


def test_a_text_too_long_because_of_its_key_goes_back_to_before_the_cut() -> None:
    cut = Cut(Snapshot(20), ChangeKey(15, 3, "m" * 5_000))
    assert Position.parse(str(Position(EPOCH, Snapshot(10), cut))) == Position(EPOCH, Snapshot(10))


@given(st.integers(1_500, 4_000), st.integers(2, 50), st.integers(0, 250_000))
def test_a_coarser_text_never_claims_to_have_seen_more(transactions: int, spread: int, revision: int) -> None:
    position = Position(EPOCH, busy(transactions, spread=spread))
    coarse = Position.parse(str(position)).seen
    assert position.seen.includes(coarse)
    assert position.seen.sees(revision) or not coarse.sees(revision)


@given(snapshots(max_xmax=60), st.integers(0, 20), st.integers(0, 60))
def test_a_coarser_snapshot_sees_a_part_of_the_finer_one(
    snapshot: Snapshot, limit: int, revision: int
) -> None:
    coarse = snapshot.coarser(limit)
    assert len(coarse.in_progress) <= limit
    assert snapshot.sees(revision) or not coarse.sees(revision)


# --- hostile texts


def refused(text: str) -> None:
    with pytest.raises(PositionInvalid):
        Position.parse(text)


def parsed_or_refused(text: str) -> None:
    """Whatever is accepted is exactly what some position's text looks like; anything else is refused."""
    try:
        position = Position.parse(text)
    except PositionInvalid:
        return
    assert str(position) == text


@given(st.binary(max_size=200))
def test_any_bytes_are_a_position_or_refused(data: bytes) -> None:
    parsed_or_refused(text_of(data))


@given(st.binary(max_size=200))
def test_any_bytes_that_begin_like_a_position_are_one_or_refused(data: bytes) -> None:
    parsed_or_refused(text_of(b"\x01" + EPOCH + data))


@given(positions(), st.data())
def test_a_damaged_text_is_another_position_or_refused(position: Position, data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(str(position) + "==="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    parsed_or_refused(text_of(bytes(raw)))


@given(st.text(max_size=100))
@example("é" * 12)
@example("\ud800" * 12)
@example("\0" * 12)
@example("٣٣٣٣٣٣٣٣٣٣٣٣")
def test_any_text_is_a_position_or_refused(text: str) -> None:
    parsed_or_refused(text)


@given(positions())
def test_a_text_cut_short_is_never_taken_for_the_whole(position: Position) -> None:
    text = str(position)
    for length in range(len(text)):
        try:
            assert Position.parse(text[:length]) != position
        except PositionInvalid:
            continue


@pytest.mark.parametrize("foreign", ["=", "==", " ", "\n", "\t", "+", "/", "%", ".", "\u00a0", "\0"])
def test_foreign_characters_around_a_text_are_refused(foreign: str) -> None:
    text = str(Position(EPOCH, Snapshot(7, (3,))))
    refused(text + foreign)
    refused(foreign + text)
    refused(text[:5] + foreign + text[5:])


def test_the_other_base64_alphabet_is_refused() -> None:
    text = str(Position(b"\xff" * 8, Snapshot(7)))
    assert "_" in text
    refused(text.replace("_", "/"))


def test_padding_is_refused_also_where_it_would_be_right() -> None:
    for xmax in (1, 1_000, 100_000):
        text = str(Position(EPOCH, Snapshot(xmax)))
        if len(text) % 4:
            refused(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("text", ["", "A", "A" * (MAX_TEXT_BYTES + 1), "A" * 1_000_000, "é" * 1_000_000])
def test_empty_and_huge_texts_are_refused(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x02" + EPOCH + b"\x05\x00", "another version"),
        (b"\x01" + EPOCH[:5], "an epoch cut short"),
        (b"\x01" + EPOCH, "no snapshot"),
        (b"\x01" + EPOCH + b"\x05", "no number of transactions"),
        (b"\x01" + EPOCH + b"\x05\x01", "a transaction missing"),
        (b"\x01" + EPOCH + b"\x05\x01\x06", "a transaction below zero"),
        (b"\x01" + EPOCH + b"\x05\x01\x00", "a transaction that is not below xmax"),
        (b"\x01" + EPOCH + b"\x05\x02\x01\x00", "a transaction twice"),
        (b"\x01" + EPOCH + b"\x05\xff\xff\xff\xff\x0f", "four billion transactions"),
        (b"\x01" + EPOCH + b"\xff" * 9 + b"\x7f\x00", "a revision beyond 64 bits"),
        (b"\x01" + EPOCH + b"\x80" * 1_000, "a number without an end"),
        (b"\x01" + EPOCH + b"\x85\x00\x00", "a number longer than it needs to be"),
        (b"\x01" + EPOCH + b"\x05\x00" + b"\x09\x00", "a cut without a key"),
        (b"\x01" + EPOCH + b"\x05\x00" + b"\x09\x00" + b"\x07\x02a\x00b", "NUL in a key"),
        (b"\x01" + EPOCH + b"\x05\x00" + b"\x09\x00" + b"\x07\x02\xff\xfe", "a key that is not UTF-8"),
        (b"\x01" + EPOCH + b"\x05\x00" + b"\x09\x00" + b"\x07\x80\x02a", "a kind that no byte holds"),
    ],
)
def test_what_no_position_looks_like_is_refused(data: bytes, why: str) -> None:
    refused(text_of(data))


def test_a_refusal_does_not_repeat_what_the_client_sent() -> None:
    with pytest.raises(PositionInvalid) as refusal:
        Position.parse("<script>")
    assert "script" not in str(refusal.value)


# --- snapshots


@given(snapshots(max_xmax=12), snapshots(max_xmax=12))
def test_a_snapshot_includes_another_when_it_sees_all_that_the_other_sees(
    one: Snapshot, other: Snapshot
) -> None:
    every = range(13)
    assert one.includes(other) == all(one.sees(revision) for revision in every if other.sees(revision))


@given(snapshots(max_xmax=12))
def test_a_snapshot_includes_itself(snapshot: Snapshot) -> None:
    assert snapshot.includes(snapshot)


# --- PostgreSQL's snapshots, lowered


@pytest.mark.parametrize(
    ("text", "newest_revision", "floor", "lowered"),
    [
        ("10:10:", 9, 0, Snapshot(10)),
        ("10:20:", 9, 0, Snapshot(10)),
        ("10:20:10,15", 17, 0, Snapshot(18, (10, 15))),
        ("10:20:10,15", 12, 0, Snapshot(13, (10,))),
        ("10:20:10,15", 3, 0, Snapshot(4)),
        ("10:20:10,15", 3, 12, Snapshot(12, (10,))),
        ("10:20:10,15", 17, 12, Snapshot(18, (10, 15))),
        ("10:20:", 900, 0, Snapshot(20)),
        ("10:20:", 3, 900, Snapshot(20)),
    ],
)
def test_xmax_is_lowered_to_what_was_really_seen(
    text: str, newest_revision: int, floor: int, lowered: Snapshot
) -> None:
    assert Snapshot.from_postgres(text, newest_revision=newest_revision, floor=floor) == lowered


@given(snapshots(max_xmax=40), st.integers(0, 40), st.data())
def test_lowering_hides_no_row_that_was_seen_and_shows_none_that_was_not(
    raw: Snapshot, floor: int, data: st.DataObject
) -> None:
    seen = [revision for revision in range(raw.xmax) if raw.sees(revision)]
    rows = data.draw(st.sets(st.sampled_from(seen))) if seen else set()
    text = f"0:{raw.xmax}:{','.join(map(str, raw.in_progress))}"
    lowered = Snapshot.from_postgres(text, newest_revision=max(rows, default=0), floor=floor)
    assert all(lowered.sees(revision) for revision in rows)
    assert raw.includes(lowered)
    assert lowered.xmax <= max({*rows, 0}) + 1 or lowered.xmax <= floor


def test_a_position_from_before_a_crash_does_not_hide_a_row_that_got_a_rolled_back_id() -> None:
    rolled_back = 11
    before = Snapshot.from_postgres("12:12:", newest_revision=10)
    assert not before.sees(rolled_back)
