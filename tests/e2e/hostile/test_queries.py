"""Hostile queries as raw bytes (FAULTS, rows 33 to 36): each wrong parameter is told by its name, and none is guessed."""

from __future__ import annotations

import pytest

from tests.e2e.hostile.wire import Target

_STREAMS = b"/api/v1/streams"
_METRICS = b"/api/v1/streams/demo/metrics"
_MOMENTS = b"/api/v1/streams/demo/moments"

_NUMBERS = [
    (b"0", "too small"),
    (b"-1", "negative"),
    (b"-0", "nought all the same"),
    (b"501", "one too many"),
    (b"2147483648", "beyond 32 bits"),
    (b"9223372036854775808", "beyond 64 bits"),
    (b"1" + b"0" * 23, "beyond everything"),
    (b"9" * 5_000, "longer than Python would read"),
    (b"NaN", "not a number"),
    (b"nan", "not a number"),
    (b"Infinity", "no number"),
    (b"1e2", "an exponent"),
    (b"1.0", "a fraction"),
    (b"0x10", "hexadecimal"),
    (b"1_0", "Python's own"),
    (b"%2B5", "a sign"),
    (b"+5", "a space"),
    (b"5+", "a space at the end"),
    (b"%205", "a space"),
    (b"5%0a", "a line's end"),
    (b"5%00", "a NUL"),
    (b"%d9%a5", "an Arabic five"),
    (b"%ef%bc%95", "a fullwidth five"),
    (b"%e2%81%b5", "a superscript five"),
    (b"%f0%9d%9f%93", "a mathematical five"),
    (b"", "nothing"),
    (b"true", "a word"),
    (b"[5]", "a list"),
    (b"5,6", "two"),
    (b"5;6", "two"),
    (b"%ff", "not UTF-8"),
    (b"%ed%a0%80", "a surrogate"),
    (b"%", "a broken escape"),
    (b"%zz", "a broken escape"),
    (b"5%2", "a broken escape"),
    (b"'%20or%20'1'='1", "SQL"),
]


@pytest.mark.parametrize("text", [case[0] for case in _NUMBERS], ids=[case[1] for case in _NUMBERS])
async def test_a_limit_that_is_none(target: Target, text: bytes) -> None:
    for path in (_STREAMS, _METRICS, _MOMENTS):
        if path == _METRICS and text == b"501":
            continue  # More windows than that are given.
        answer = await target.answers(path + b"?limit=" + text, status=422)
        assert [error["name"] for error in answer.json["errors"]] == ["limit"]


@pytest.mark.parametrize(
    "text", [case[0] for case in _NUMBERS if case[0] not in {b"0", b"-0", b"501"}],
    ids=[case[1] for case in _NUMBERS if case[0] not in {b"0", b"-0", b"501"}],
)  # fmt: skip
async def test_an_offset_that_is_none(target: Target, text: bytes) -> None:
    answer = await target.answers(_STREAMS + b"?offset=" + text, status=422)
    assert [error["name"] for error in answer.json["errors"]] == ["offset"]


_TIMES = [
    (b"2026-05-01T18:00:00+05:00", "%2B", "an unescaped plus is a space"),
    (b"2026-05-01T18:00+0500", "%2B", "an unescaped plus, the short form"),
    (b"1714586400", "seconds since 1970", "an epoch number"),
    (b"1714586400.5", "seconds since 1970", "an epoch number with a fraction"),
    (b"-1", "seconds since 1970", "before the epoch"),
    (b"1e400", "seconds since 1970", "a number that overflows"),
    (b"9" * 5_000, "seconds since 1970", "a number longer than Python would read"),
    (b"0000-01-01T00:00:00Z", "years 1 to 9999", "year 0"),
    (b"99999-01-01T00:00:00Z", "years 1 to 9999", "year 99999"),
    (b"-0001-01-01T00:00:00Z", "years 1 to 9999", "a year before the first"),
    (b"%2B12026-01-01", "years 1 to 9999", "an expanded year"),
    (b"0001-01-01T00:00:00%2B00:01", "years 1 to 9999", "before the first day, in UTC"),
    (b"9999-12-31T23:59:59-00:01", "years 1 to 9999", "after the last day, in UTC"),
    (b"2026-02-30", "no such date", "no such day"),
    (b"2025-02-29", "no such date", "no leap year"),
    (b"2026-13-01", "no such date", "no such month"),
    (b"2026-05-01T24:00:00Z", "no such date", "no such hour"),
    (b"2026-05-01T23:59:60Z", "no such date", "a leap second"),
    (b"2026-05-01T18:00:00%2B99:99", "no such date", "no such offset"),
    (b"infinity", "Expected a time", "PostgreSQL's word"),
    (b"now", "Expected a time", "PostgreSQL's word"),
    (b"2026-W18-5", "Expected a time", "a week"),
    (b"2026-121", "Expected a time", "a day of the year"),
    (b"%d9%a2%d9%a0%d9%a2%d9%a6-05-01", "Expected a time", "Arabic digits"),
    (b"2026-05-01T18:00:00Z%0a", "Expected a time", "a line's end"),
    (b"2026-05-01T18:00:00." + b"9" * 1_000 + b"Z", "Expected a time", "too exact"),
    (b"2026-05-01%00", "NUL", "a NUL"),
    (b"%c0%af", "UTF-8", "overlong UTF-8"),
    (b"%ED%A0%80", "UTF-8", "a surrogate"),
    (b"2026%2", "%25", "a broken escape"),
]


@pytest.mark.parametrize(("text", "hint"), [case[:2] for case in _TIMES], ids=[case[2] for case in _TIMES])
@pytest.mark.parametrize("name", ["start_time", "end_time"])
async def test_a_time_that_is_none(target: Target, name: str, text: bytes, hint: str) -> None:
    answer = await target.answers(_METRICS + b"?" + name.encode() + b"=" + text, status=422)
    (error,) = answer.json["errors"]
    assert error["name"] == name
    assert hint in error["reason"]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (b"2026-05-01T18:02:00", [3, 2]),
        (b"2026-05-01T18:02:00Z", [3, 2]),
        (b"2026-05-01t18:02:00z", [3, 2]),
        (b"2026-05-01T23:02:00%2B05:00", [3, 2]),
        (b"2026-05-01%2018:02", [3, 2]),
        (b"2026-05-01+18:02", [3, 2]),
        (b"0001-01-01", [3, 2, 1]),
        (b"9999-12-31T23:59:59.999999Z", []),
    ],
)
async def test_a_time_without_an_offset_is_utc(target: Target, text: bytes, counts: list[int]) -> None:
    until = b"&end_time=2026-05-01T18:04:00Z" if counts else b""
    answer = await target.answers(_METRICS + b"?start_time=" + text + until, status=200)
    assert [window["chat_count"] for window in answer.json] == counts


_PAIRS = [
    (
        _METRICS + b"?start_time=2026-05-02&end_time=2026-05-01",
        {"start_time", "end_time"},
        "it ends before it begins",
    ),
    (
        _METRICS + b"?start_time=2026-05-01&end_time=2026-05-01",
        {"start_time", "end_time"},
        "it ends where it begins",
    ),
    (
        _METRICS + b"?end_time=2026-05-01T18:00:00Z&start_time=2026-05-01T20:00:00%2B02:00",
        {"start_time", "end_time"},
        "the same moment in two spellings",
    ),
    (_STREAMS + b"?limit=5&limit=5", {"limit"}, "twice the same is twice"),
    (_STREAMS + b"?limit=5&limi%74=6", {"limit"}, "twice in another spelling"),
    (_STREAMS + b"?" + b"limit=5&" * 5_000, {"limit"}, "five thousand times"),
    (_STREAMS + b"?LIMIT=5", {"LIMIT"}, "names have a case"),
    (_STREAMS + b"?limit[]=5", {"limit[]"}, "no lists"),
    (_STREAMS + b"?limit%00=5", {r"limit\x00"}, "a NUL in a name"),
    (_STREAMS + b"?%ff=5", {r"\\xff"}, "a name that is not UTF-8"),
    (_STREAMS + b"?%0d%0aX-Evil:=1", {r"\r\nX-Evil:"}, "line ends in a name"),
    (_STREAMS + b"?=5", {""}, "no name"),
    (_STREAMS + b"?" + b"a" * 10_000 + b"=5", {"a" * 40 + "..."}, "a long name is not told in full"),
    (_STREAMS + b"?" + b"&".join(b"x%d=1" % n for n in range(1_000)), None, "a thousand names"),
    (_STREAMS + b"?limit", {"limit"}, "a name without a value"),
    (_STREAMS + b"?limit==5", {"limit"}, "a value that begins with the sign"),
    (_STREAMS + b"?cursor=dwAGUMc4r3IAAAZQxzxC-QA", {"cursor"}, "a parameter of other paths"),
    (_STREAMS + b"/demo?limit=5", {"limit"}, "a path that takes none"),
    (_MOMENTS + b"?moment_type=CHAT_SPIKE", {"moment_type"}, "values have a case"),
    (_MOMENTS + b"?moment_type=chat_spike%00", {"moment_type"}, "a NUL does not end a value"),
    (_MOMENTS + b"?moment_type=chat_spike&moment_type=viewer_spike", {"moment_type"}, "one of them, not two"),
    (_METRICS + b"?cursor=" + b"w" * 10_000, {"cursor"}, "ten kilobytes of a cursor"),
    (_METRICS + b"?cursor=..%2f..%2fetc", {"cursor"}, "a path in a cursor"),
    (_METRICS + b"?cursor=%00", {"cursor"}, "a NUL in a cursor"),
    (_METRICS + b"?cursor=d3d3d3d3d3d3d3d3d3d3d3d", {"cursor"}, "well-formed text of no cursor"),
    (_METRICS + b"?cursor=d3__________________________", {"cursor"}, "a time beyond all"),
    (_METRICS + b"?limit=0&end_time=x&y=1", {"limit", "end_time", "y"}, "all that is wrong, at once"),
]


@pytest.mark.parametrize(("url", "names"), [case[:2] for case in _PAIRS], ids=[case[2] for case in _PAIRS])
async def test_a_query(target: Target, url: bytes, names: set[str] | None) -> None:
    answer = await target.answers(url, status=422)
    assert answer.code == "parameter_invalid"
    assert "x-evil" not in answer.headers
    told = {error["name"] for error in answer.json["errors"]}
    assert told == names if names is not None else len(told) == 1_000


@pytest.mark.parametrize(
    "query", [b"", b"&", b"&&&limit=3&&", b"limit=3#limit=x", b"%6cimit=3", b"limit=%33"]
)
async def test_another_spelling_of_a_good_query(target: Target, query: bytes) -> None:
    await target.answers(_METRICS + b"?" + query, status=200)


_POSITIONS = [
    (b"", "nothing"),
    (b"x", "no base64"),
    (b"AWhmGqDEbrXN1fgCAA", "of another database"),
    (b"AWhmGqDEbrXN1fgCAA==", "padding"),
    (b"AWhmGqDEbrXN1fgCAA, AWhmGqDEbrXN1fgCAA", "two in a list"),
    (b"A" * 2_049, "too long"),
    (b"A" * 60_000, "much too long"),
    (b"\xff\xfe", "not ASCII"),
    (b"AQAAAAAAAAAA____________", "numbers beyond 64 bits"),
    (b"' or 1=1", "SQL"),
]


@pytest.mark.parametrize("text", [case[0] for case in _POSITIONS], ids=[case[1] for case in _POSITIONS])
@pytest.mark.parametrize("path", [_STREAMS, _STREAMS + b"/demo", _METRICS, _MOMENTS])
async def test_a_position_that_is_none(target: Target, path: bytes, text: bytes) -> None:
    answer = await target.answers(path, b"Telemetra-Position: " + text, status=422)
    assert answer.code == "position_invalid"
    assert [error["name"] for error in answer.json["errors"]] == ["Telemetra-Position"]
