"""
What the OpenAPI document promises, held against the running service by schemathesis: every check, every phase.

Its requests are made up from the document that the service itself serves; derandomised, so that each run makes the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from schemathesis.schemas import BaseSchema

from telemetra.domain.queries import MAX_MOMENTS, MAX_STREAMS, MAX_WINDOWS
from telemetra.entrypoints.http.headers import POSITION
from telemetra.entrypoints.http.instants import parse_instant
from telemetra.entrypoints.paths import MAX_STREAM_ID_BYTES
from tests.e2e.hostile.wire import Target

_CONFIGURATION = """
[cache]
enabled = false

[generation]
deterministic = true
max-examples = 150

[phases.stateful.generation]
max-examples = 20
"""
_PHASES = {"examples", "coverage", "fuzzing", "stateful"}


@pytest.fixture
async def opaque(target: Target) -> dict[str, str]:
    """Return by format what nobody can make up from a document: a position and cursors of this very database."""
    async with httpx.AsyncClient(base_url=target.service.url, trust_env=False) as client:
        texts = {}
        for kind, path in (("window", "metrics"), ("moment", "moments")):
            answer = await client.get(f"/api/v1/streams/demo/{path}?limit=10")
            texts["position"] = answer.headers["Telemetra-Position"]
            texts[f"{kind}-cursor"] = httpx.URL(answer.links["next"]["url"]).params["cursor"]
    return texts


def _with_examples(schema: Any, texts: dict[str, str]) -> None:
    """Put this database's own values in place of the examples that are of another's."""
    if isinstance(schema, dict):
        if schema.get("format") in texts:
            schema["examples"] = [texts[schema["format"]]]
        for inner in schema.values():
            _with_examples(inner, texts)
    elif isinstance(schema, list):
        for inner in schema:
            _with_examples(inner, texts)


def _load(url: str, texts: dict[str, str]) -> BaseSchema:
    for name, text in texts.items():
        schemathesis.openapi.format(name, st.just(text))
    schema = schemathesis.openapi.from_url(
        f"{url}/openapi.json", config=SchemathesisConfig.from_str(_CONFIGURATION)
    )
    _with_examples(schema.raw_schema, texts)

    @schema.hook
    def filter_case(_context: HookContext, case: Case[Any]) -> bool:
        return _is_meant(case, set(texts.values()))

    @schema.hook
    def before_add_examples(_context: HookContext, examples: list[Case[Any]]) -> None:
        # Each parameter's example is put into one request, and this one does not go with all others.
        for case in examples:
            if isinstance(case.query, dict):
                case.query.pop("zero", None)

    return schema


def _is_meant(case: Case[Any], given_out: set[str]) -> bool:
    """
    Whether a request that is said to be valid is so by the rules that JSON Schema has no words for.

    A position or cursor is one that was given out (its form alone, `00`, names none); `start_time` is before `end_time`; an id
    has at most 512 bytes, where `maxLength` counts characters; and some parameters go with some formats.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return True
    query: Mapping[str, Any] = case.query or {}
    headers: Mapping[str, Any] = case.headers or {}
    path: Mapping[str, Any] = case.path_parameters or {}
    opaque = {query.get("cursor"), headers.get(POSITION)} - {None}
    return (
        opaque <= given_out
        and _is_range(query.get("start_time"), query.get("end_time"))
        and _goes_together(query, _LARGEST_PAGES[case.operation.path.rpartition("/")[2]])
        and len(str(path.get("stream_id", "")).encode()) <= MAX_STREAM_ID_BYTES
    )


_LARGEST_PAGES = defaultdict(lambda: MAX_STREAMS, metrics=MAX_WINDOWS, moments=MAX_MOMENTS)


def _goes_together(query: Mapping[str, Any], largest_page: int) -> bool:
    """Whether a page is no larger than pages are, and what belongs to a video is asked of one, within a day of its start."""
    named, limit = query.get("format", "json"), query.get("limit", 1)
    if named in {"chapters", "edl"}:
        is_plain = not query.keys() & {"zero", "end_time"}
        return is_plain and "cursor" not in query and (named == "edl" or "fps" not in query)
    is_small = not str(limit).isdigit() or int(limit) <= largest_page
    return not query.keys() & {"zero", "fps"} and (named != "json" or is_small)


def _is_range(start: str | None, end: str | None) -> bool:
    if not (start and end):
        return True
    try:
        return parse_instant(start) < parse_instant(end)
    except ValueError:
        # The document calls it a time: that it is refused is to be seen.
        return True


@dataclass
class _Course:
    """What a run did, and what failed in it."""

    failed: set[str] = field(default_factory=set)
    phases: set[str] = field(default_factory=set)
    checks: set[str] = field(default_factory=set)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How many answers each operation gave with each status."""

    def note(self, event: events.EngineEvent) -> None:
        match event:
            case events.NonFatalError() | events.FatalError():
                self.failed.add(repr(event))
            case events.PhaseFinished() if event.status is not Status.SKIP:
                self.phases.add(event.phase.name.value)
            case events.ScenarioFinished():
                self._note_scenario(event.phase.value, event.recorder)

    def _note_scenario(self, phase: str, recorder: ScenarioRecorder) -> None:
        for name, interaction in recorder.interactions.items():
            if interaction.response:
                operation = recorder.cases[name].value.operation.label
                self.statuses[operation, interaction.response.status_code] += 1
        for node in (node for nodes in recorder.checks.values() for node in nodes):
            self.checks.add(node.name)
            if found := node.failure_info:
                self.failed.add(f"{phase}, {node.name}: {found.failure}\n{found.code_sample}")


def _run(schema: BaseSchema) -> _Course:
    course = _Course()
    for event in from_schema(schema).execute():
        course.note(event)
    return course


async def test_the_service_keeps_every_promise_of_its_document(
    target: Target, opaque: dict[str, str]
) -> None:
    schema = await asyncio.to_thread(_load, target.service.url, opaque)
    course = await asyncio.to_thread(_run, schema)
    assert course.failed == set()
    # Nothing was left out, and what was asked reached further than refusals.
    assert course.phases >= _PHASES
    assert course.checks == set(CHECKS.get_all_names())
    reads = [path for path in schema if path.startswith("/api/v1/streams")]
    assert len(reads) == 4
    for path in reads:
        for status in (200, 422):
            assert course.statuses[f"GET {path}", status] >= 10, course.statuses
