"""Targets that read parts of a request: query, path, headers."""

from __future__ import annotations

import json
import re
from collections.abc import Coroutine
from typing import Any, Final
from urllib.parse import quote

from bench.fuzz.target import Target, any_text, hold

from telemetra.domain.errors import ParameterInvalid
from telemetra.entrypoints.asgi import Scope
from telemetra.entrypoints.http.answers import entity_tag, is_among
from telemetra.entrypoints.http.codings import preferred_coding
from telemetra.entrypoints.http.exports.forms import accepts_json_best
from telemetra.entrypoints.http.exports.negotiation import MediaType, preferred
from telemetra.entrypoints.http.metrics import METRICS_READ
from telemetra.entrypoints.http.moments import MOMENTS_READ
from telemetra.entrypoints.http.parameters import ParametersInvalid, read_parameters
from telemetra.entrypoints.http.request_log import RequestLog, request_id, sane_request_id
from telemetra.entrypoints.http.streams import LIST_READ, STREAM_READ
from telemetra.entrypoints.meters import Meters
from telemetra.entrypoints.paths import MAX_STREAM_ID_BYTES, canonical_path, decode_stream_id
from telemetra.entrypoints.route_names import RouteNames

_READS: Final = (LIST_READ, STREAM_READ, METRICS_READ, MOMENTS_READ)
_LONGEST_NAME: Final = 43
_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_OFFERS: Final = tuple(
    map(MediaType, ("application/json", "text/csv; charset=utf-8; header=present", "application/x-ndjson"))
)
_CODINGS: Final = (b"zstd", b"br", b"gzip")


def _check_query(data: bytes) -> None:
    for read in _READS:
        known = {parameter.name for parameter in read.parameters}
        try:
            parameters = read_parameters(data, read.parameters)
        except ParametersInvalid as error:
            hold(error.errors, "a refusal tells something", data)
            for one in error.errors:
                hold(one.name.isascii() and one.name.isprintable(), "a name can be shown", one.name)
                hold(len(one.name) <= _LONGEST_NAME, "a name is short", one.name)
                hold(one.reason, "a refusal has a reason", one.name)
            continue
        hold(set(parameters.given) <= known, "nothing unknown is taken", parameters.given)
        hold(len(parameters.values) == len(parameters.given), "each is taken once", parameters)
        link = parameters.link()
        hold(link.isascii() and not set(link) & set('<>" \r\n\0'), "a link stands in a header", link)
        again = read_parameters(link[1:].encode(), read.parameters)
        hold(again == parameters, "a link asks the same", link, parameters)
        try:
            segments = ("demo",) if "{stream_id}" in read.path else ()
            read.asked(data, *segments)
        except ParameterInvalid as error:
            hold(error.name == "start_time, end_time", "what is well alone is ill together", error)


def _check_path(data: bytes) -> None:
    path = canonical_path({"raw_path": b"/" + data, "path": "/"})
    hold(path.isascii() and path.isprintable(), "a path can be shown", path)
    hold(canonical_path({"raw_path": path.encode(), "path": "/"}) == path, "canonical is canonical", path)
    hold("//" not in path, "no empty segment is left to the router", path)
    for segment in path.split("/"):
        _check_segment(segment)
    # A server that tells no raw path has decoded it.
    sent = canonical_path({"path": any_text(data).encode(errors="replace").decode()})
    hold(sent.isascii() and sent.isprintable(), "a path can be shown", sent)


def _check_segment(segment: str) -> None:
    try:
        stream_id = decode_stream_id(segment)
    except ParameterInvalid as error:
        hold(error.name == "stream_id", "a refusal tells the name", error.name)
        return
    encoded = stream_id.encode()
    hold(
        len(encoded) <= MAX_STREAM_ID_BYTES and b"\0" not in encoded,
        "an id is one that a stream can have",
        encoded,
    )
    fully = "".join(f"%{byte:02x}" for byte in encoded)
    for spelling in (fully, fully.upper(), quote(stream_id, safe="")):
        hold(decode_stream_id(spelling) == stream_id, "all spellings are one id", spelling, stream_id)
        if stream_id:
            canonical = canonical_path({"raw_path": b"/" + spelling.encode(), "path": "/"})
            hold(
                decode_stream_id(canonical[1:]) == stream_id,
                "routing does not change it",
                canonical,
                stream_id,
            )


def _check_coding(data: bytes) -> None:
    coding = preferred_coding([data])
    hold(coding in {b"", *_CODINGS}, "it is one of ours, or none", coding)
    hold(preferred_coding(data.split(b",")) == coding, "several lines are one list", data)
    hold(preferred_coding([data.upper()]) == coding, "letters have no case", data)
    named = data.lower()
    hold(not coding or coding in named or b"*" in named, "what is not named is not taken", data, coding)
    # Whatever came before: a coding that is named at last, with most weight, is not hidden by it.
    for wanted in _CODINGS:
        others = b",".join(other + b";q=0" for other in _CODINGS if other != wanted)
        last = data + b"," + others + b"," + wanted + b";q=1,identity;q=0"
        hold(preferred_coding([last]) == wanted, "nothing hides a weight", last)


def _check_accept(data: bytes) -> None:
    best = preferred([data], _OFFERS)
    hold(best is None or best in _OFFERS, "it is an offer, or none", best)
    hold(preferred(data.split(b","), _OFFERS) == best, "several lines are one list", data)
    hold(preferred([data.upper()], _OFFERS) == best, "letters have no case", data)
    hold(
        accepts_json_best([data]) == (best == _OFFERS[0]), "who accepts JSON best can have what is kept", data
    )
    # Whatever came before: a type that is named at last, where all others are refused, is not hidden by it.
    for wanted in _OFFERS:
        last = ",".join(f"{one.text};q={int(one is wanted)}" for one in _OFFERS)
        hold(preferred([b"text/x," + last.encode()], _OFFERS) is wanted, "a weight is a weight", wanted)


def _check_validators(data: bytes) -> None:
    tag = entity_tag(data)
    text = data.decode("latin-1")
    known = is_among(text, tag)
    hold(not known or tag in text or text.strip() == "*", "what is not named is not known", text)
    opaque = [part.replace('"', "") for part in text.split("\n")]
    given = ", ".join(("W/" if len(part) % 2 else "") + f'"{part}"' for part in opaque)
    for part in opaque:
        hold(is_among(given, f'"{part}"'), "each of a list is known", given, part)
    hold(is_among(given, tag) == (tag.strip('"') in opaque), "and no other", given)


_METERS: Final = Meters()
_ROUTES: Final = RouteNames([])


def _check_names(data: bytes) -> None:
    """The lines of the bytes are headers, by turns a request id and a trace."""
    names = (b"x-request-id", b"traceparent")
    headers = [(names[number % 2], line) for number, line in enumerate(data.split(b"\n"))]
    scope: Scope = {"type": "websocket", "headers": headers}
    _finish(RequestLog(_nothing, _METERS, _ROUTES)(scope, None, None))  # type: ignore[arg-type]
    name, trace_id = scope["state"]["request_id"], scope["state"].get("trace_id")
    hold(_ID.fullmatch(name), "a request's name is sane", name)
    hold(
        json.loads(f'{{"request_id":"{name}"}}') == {"request_id": name},
        "it stands in a line of the log",
        name,
    )
    given = [value for key, value in headers if key == names[0]]
    if len(given) == 1 and sane_request_id(given[0].decode("latin-1")):
        hold(request_id(scope).encode() == given[0], "a sane name is taken over", given)
    else:
        hold(request_id(scope) != request_id(scope), "another is made each time", given)
    traces = [value for key, value in headers if key == names[1]]
    if trace_id is not None:
        hold(_TRACE_ID.fullmatch(trace_id), "a trace is one", trace_id)
        hold(len(traces) == 1 and trace_id.encode() in traces[0], "and the client's own", trace_id, traces)


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """Stand for the layers inside."""


def _finish(work: Coroutine[Any, Any, Any]) -> None:
    """Run what never waits to its end."""
    try:
        work.send(None)
    except StopIteration:
        return
    hold(is_so=False, what="it waits for something")


_TRACE: Final = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

TARGETS: Final = (
    Target(
        name="query",
        check=_check_query,
        seeds=[
            b"limit=100&offset=3", b"limit=1000&start_time=2026-05-01T18:30:00Z&end_time=2026-05-01T22:00:00%2B02:00",
            b"moment_type=chat_spike&limit=5", b"cursor=dwAGUMc4r3IAAAZQxzxC-QA", b"limit=5&limit=6", b"a=%zz&%00=%ff&+=+",
            b"start_time=2026-05-02&end_time=2026-05-01",
        ],
        words=[b"limit=", b"offset=", b"start_time=", b"end_time=", b"cursor=", b"moment_type=", b"chat_spike", b"&", b"%2B", b"%"],
    ),
    Target(
        name="path",
        check=_check_path,
        seeds=[b"/api/v1/streams/demo/metrics", b"/api/v1/streams/caf%C3%A9%2Fx", b"//a//b/?x", b"/%zz%00%ff", b"/%41%7e%2e%2E", b'/\xc3\xa9 \\"', b"*"],
        words=[b"%2F", b"%00", b"%25", b"//", b"%", b"?", b"%C3%A9", b"%ED%A0%80", b"%7e"],
    ),
    Target(
        name="accept-encoding",
        check=_check_coding,
        seeds=[b"gzip, deflate, br, zstd", b"gzip;q=0.5, *;q=0.1", b"identity;q=1, x-gzip;q=0", b"br;q=nan", b"zstd ; Q=1.000;x=y"],
        words=[b"gzip", b"x-gzip", b"br", b"zstd", b"identity", b"*", b";q=", b"nan", b"inf", b"1e", b"0.", b","],
    ),
    Target(
        name="accept",
        check=_check_accept,
        seeds=[b"*/*", b"text/csv;q=0.5, application/json", b'text/csv; charset="utf-8"; header=present', b"text/*, ;;q=nan", b"*/csv"],
        words=[b"application/json", b"text/csv", b"application/x-ndjson", b"*/*", b"text/*", b";q=", b"header=", b"charset=utf-8", b","],
    ),
    Target(
        name="if-none-match",
        check=_check_validators,
        seeds=[b"*", b'W/"abc", "def"', b'"a,b"', b'"', b"a\nb\nc", entity_tag(b"").encode()],
        words=[b"W/", b'"', b", ", b"*", b"\n"],
    ),
    Target(
        name="request-id",
        check=_check_names,
        seeds=[b"r-1\n" + _TRACE, b"A._~9", b"\n" + _TRACE.replace(b"00-", b"cc-", 1) + b"-later", b"a\n\nb", b'x","level":"error\n' + _TRACE],
        words=[b"00-", b"ff-", b"-01", b"0" * 32, b"\n", b"-"],
    ),
)  # fmt: skip
