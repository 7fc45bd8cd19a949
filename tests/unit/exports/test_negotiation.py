"""What `Accept` means where there is a choice."""

from __future__ import annotations

import pytest

from telemetra.entrypoints.http.exports.forms import accepts_json_best
from telemetra.entrypoints.http.exports.negotiation import MediaType, preferred

JSON = MediaType("application/json")
CSV = MediaType("text/csv; charset=utf-8; header=present")
LINES = MediaType("application/x-ndjson")
OFFERS = (JSON, CSV, LINES)


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        ("*/*", JSON),
        ("", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("application/x-ndjson", LINES),
        ("text/*", CSV),
        ("application/*", JSON),
        # What browsers, axios and jQuery send.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", JSON),
        ("application/json, text/plain, */*", JSON),
        ("text/csv, */*; q=0.01", CSV),
        # Of equal weight what is named, and then JSON.
        ("text/csv, */*", CSV),
        ("text/*, */*", JSON),
        ("text/csv, application/json", JSON),
        ("application/x-ndjson, text/csv", CSV),
        # Of a head full of ranges the first hundred are read.
        ("x/y," * 100 + "text/csv", None),
        ("x/y," * 99 + "text/csv", CSV),
        # Weights go before the order.
        ("application/json;q=0.5, text/csv;q=0.6", CSV),
        ("application/json;q=0.6, text/csv;q=0.5", JSON),
        ("application/json; q=0.4, application/x-ndjson ; q=0.9, text/csv;q=0.8", LINES),
        # The nearest range counts, not the heaviest.
        ("*/*, application/json;q=0", CSV),
        ("text/csv;q=0, text/*, */*;q=0.1", JSON),
        ("application/json;q=0.1, */*;q=0.2", CSV),
        # Parameters: those that the offer has must be the same, others exclude nothing.
        ("text/csv; charset=utf-8", CSV),
        ('text/csv; charset="UTF-8"; header=present', CSV),
        ("text/csv; header=absent", None),
        ("text/csv; charset=utf-16, application/json;q=0.1", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json; indent=2", JSON),
        # Nothing that there is.
        ("image/png", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("application/vnd.ms-excel, text/html", None),
        # Nothing that can be read is nothing that was said.
        ("csv", JSON),
        (";;;q=nan", JSON),
        ("/, text/, /csv, */csv", JSON),
        ("csv, text/csv", CSV),
        ("text/csv;q=nan, application/json;q=0.5", CSV),
        ("text/csv;q=-1, application/json;q=7", JSON),
    ],
)
def test_the_best_of_what_is_accepted(accept: str, best: MediaType | None) -> None:
    assert preferred([accept.encode()], OFFERS) == best


def test_several_lines_are_one_list() -> None:
    assert preferred([b"application/json;q=0.5", b"text/csv"], OFFERS) == CSV
    assert preferred([b"text/csv;q=0.5", b"*/*"], OFFERS) == JSON


@pytest.mark.parametrize("accept", [[], [b"*/*"], [b"application/json"], [b"text/html, */*;q=0.1"]])
def test_who_asks_for_json_can_have_what_is_kept(accept: list[bytes]) -> None:
    assert accepts_json_best(accept)


@pytest.mark.parametrize("accept", [b"text/csv", b"application/jsonl, */*;q=0.5", b"image/png", b"text/*"])
def test_who_asks_for_something_else_can_not(accept: bytes) -> None:
    assert not accepts_json_best([accept])
