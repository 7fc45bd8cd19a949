"""Rows as CSV: whoever reads it gets back what was written."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.http.examples import MOMENT, WINDOW
from telemetra.entrypoints.http.exports.rows import MOMENT_CELLS, WINDOW_CELLS, CsvRows, JsonLines

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def csv_of(*moments: Moment) -> str:
    writer = CsvRows(Moment, MOMENT_CELLS)
    return (writer.begin() + writer.rows(moments) + writer.end()).decode()


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def a_moment(**values: Any) -> Moment:
    plain: dict[str, Any] = {
        "moment_id": "m",
        "stream_id": "s",
        "timestamp": NOON,
        "moment_type": MomentType.CHAT_SPIKE,
        "description": None,
        "metric_name": None,
        "metric_value": None,
        "threshold": None,
        "z_score": None,
        "metadata": None,
    }
    return Moment(**plain | values)


def test_columns_are_the_names_on_the_wire_in_their_order() -> None:
    for writer, row in (
        (CsvRows(MetricWindow, WINDOW_CELLS), WINDOW),
        (CsvRows(Moment, MOMENT_CELLS), MOMENT),
    ):
        assert writer.begin().decode() == ",".join(msgspec.to_builtins(row)) + "\r\n"


def test_a_window_is_one_line() -> None:
    writer = CsvRows(MetricWindow, WINDOW_CELLS)
    assert writer.rows([WINDOW]).decode() == (
        'demo,2026-05-01T20:14:00Z,2026-05-01T20:15:00Z,312,148,"[""PogChamp"",""LUL"",""Kappa""]",0.42,5.2,1840.5,4.6,true,'
        "4711\r\n"
    )


def test_null_is_an_empty_cell_and_an_empty_text_is_quoted() -> None:
    line = csv_of(a_moment(description="")).splitlines()[1]
    assert line == 'm,s,2026-05-01T12:00:00Z,chat_spike,"",,,,,'


@pytest.mark.parametrize(
    "text",
    [
        'she said "no"',
        "a,b",
        "two\nlines",
        "two\r\nlines",
        "\r",
        '"',
        '""',
        " spaces ",
        "\t",
        "ünï 🎉 \u202e",
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "NULL",
        "\ufeffmark",
    ],
)
def test_a_text_is_read_as_it_was_written(text: str) -> None:
    (row,) = read(csv_of(a_moment(description=text, moment_id=text, metric_name=text, stream_id=text)))
    assert {row[name] for name in ("description", "moment_id", "metric_name", "stream_id")} == {text}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    (row,) = read(csv_of(a_moment(description=text)))
    assert row["description"] == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_was_written(number: float) -> None:
    (row,) = read(csv_of(a_moment(metric_value=number)))
    assert float(row["metric_value"]) == number


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_null(number: float) -> None:
    (row,) = read(csv_of(a_moment(metric_value=number)))
    assert row["metric_value"] == ""


def test_what_is_no_single_value_is_json() -> None:
    metadata = {"why": 'a "b", c', "more": [1, None]}
    (row,) = read(csv_of(a_moment(metadata=metadata)))
    assert json.loads(row["metadata"]) == metadata


@pytest.mark.parametrize(
    "instant", [NOON.replace(microsecond=250), datetime.min.replace(tzinfo=UTC), NOON.replace(year=9999)]
)
def test_an_instant_is_written_as_in_json(instant: datetime) -> None:
    (row,) = read(csv_of(a_moment(timestamp=instant)))
    assert row["timestamp"] == msgspec.to_builtins(instant)


def test_lines_of_json_are_the_rows_of_a_page() -> None:
    writer: JsonLines[Moment] = JsonLines()
    text = (
        writer.begin() + writer.rows([MOMENT, a_moment(description="two\nlines")]) + writer.end()
    ).decode()
    assert text.endswith("\n")
    assert [json.loads(line) for line in text.splitlines()] == [
        msgspec.to_builtins(MOMENT),
        msgspec.to_builtins(a_moment(description="two\nlines")),
    ]
