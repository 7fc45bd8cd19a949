"""The numbers that Prometheus is told: each by what has happened, over a database in memory."""

from __future__ import annotations

import asyncio
import re

from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from telemetra.entrypoints.live.protocol import CloseCode
from tests.api.http_service import PATIENCE_SECONDS, Service, running, sent_away

METRICS = "/api/v1/streams/lofi/metrics"


async def numbers(service: Service) -> dict[str, float]:
    """Return what is told, each under its name and labels as they are written."""
    answer = await service.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    told = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            told[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return told


def requests(route: str, status: int, method: str = "GET") -> str:
    labels = f'method="{method}",route="{route}",status="{status}"'
    return f"telemetra_http_request_duration_seconds_count{{{labels}}}"


async def test_requests_are_counted_by_the_templates_of_their_routes(service: Service) -> None:
    for url in (METRICS, METRICS + "/", "/api/v1/streams/a%2Fb/metrics", METRICS + "?limit=x", "/health"):
        await service.get(url)
    await service.client.head(METRICS)
    for number in range(50):
        await service.get(f"/made/up/{number}")
        await service.client.request(f"MADEUP{number}", "/health")
    told = await numbers(service)
    template = "/api/v1/streams/{stream_id}/metrics"
    assert told[requests(template, 200)] == 2
    assert told[requests(template, 404)] == 1
    assert told[requests(template, 422)] == 1
    assert told[requests(template, 200, "HEAD")] == 1
    assert told[requests("/health", 200)] == 1
    assert told[requests("none", 404)] == 50
    assert told[requests("/health", 405, "other")] == 50
    assert sum(name.startswith("telemetra_http_request_duration_seconds_count") for name in told) < 10


async def test_kept_answers_are_told_from_questions_and_why_they_were_asked(service: Service) -> None:
    hits = 'telemetra_cache_hits_total{level="process"}'
    absent = 'telemetra_cache_misses_total{reason="absent"}'
    before = await numbers(service)
    async with service.listening("lofi"):
        # A listener stands only when changes are told.
        for _ in range(5):
            await service.get(METRICS)
        await service.client.head(METRICS)
        told = await numbers(service)
        assert told[absent] - before[absent] == 1
        assert told[hits] - before[hits] == 5
        assert told["telemetra_cache_entries"] == 1
        assert told["telemetra_cache_bytes"] > 10_000
        await service.write("lofi", windows=251)
        position = str(service.database.position())
        answers = [service.get(METRICS, Telemetra_Position=position) for _ in range(2)]
        await asyncio.gather(*answers)
        misses = sum(
            value for name, value in (await numbers(service)).items() if "cache_misses_total" in name
        )
        assert misses - sum(value for name, value in before.items() if "cache_misses_total" in name) >= 2


async def test_what_is_asked_at_once_is_one_question() -> None:
    async with running() as service:
        await service.write("lofi", windows=3)
        await asyncio.gather(*(service.get(METRICS) for _ in range(20)))
        told = await numbers(service)
        asked = sum(value for name, value in told.items() if name.startswith("telemetra_cache_misses_total"))
        answered = sum(value for name, value in told.items() if name.startswith("telemetra_cache_hits_total"))
        assert asked >= 1
        assert asked + answered == 20


async def test_listeners_and_what_they_are_told_are_counted(service: Service) -> None:
    async with service.listening("lofi") as one, service.listening("lofi") as other:
        told = await numbers(service)
        assert told["telemetra_live_listeners"] == 2
        assert told["telemetra_live_streams"] == 1
        before = told["telemetra_live_deliveries_total"]
        await service.write("lofi", title="Another title")
        await one.until_told("stream")
        await other.until_told("stream")
        assert (await numbers(service))["telemetra_live_deliveries_total"] - before == 2
    told = await numbers(service)
    assert told["telemetra_live_listeners"] == 0
    assert told['telemetra_live_closed_total{code="1000",reason="gone"}'] == 2
    assert told['telemetra_live_opened_total{start="new"}'] == 2


async def test_a_client_makes_up_no_label_by_its_close_code_and_says_nothing_in_our_name(
    service: Service,
) -> None:
    # Libraries close with 1011 when their ping is not answered in time: the client was slow, and nothing is wrong here.
    for code in (1000, 1011, 1013, 3001, 4000, 4404, 4408):
        async with service.listening("lofi") as listener:
            await listener.leave(code)
    told = await numbers(service)
    closed = {name: value for name, value in told.items() if name.startswith("telemetra_live_closed_total")}
    assert closed['telemetra_live_closed_total{code="1000",reason="gone"}'] == 1
    assert closed['telemetra_live_closed_total{code="other",reason="gone"}'] == 6
    # What was never counted is told as 0: else Prometheus does not see the first.
    assert {code for name, value in closed.items() if not value for code in re.findall("[0-9]+", name)} == {
        str(code.value) for code in CloseCode
    }


async def test_how_many_listeners_there_may_be_is_told() -> None:
    async with running(live_max_listeners=7) as service:
        assert (await numbers(service))["telemetra_live_max_listeners"] == 7


async def test_who_leads_is_told(service: Service) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await numbers(service))["telemetra_relay_leads"]:  # noqa: ASYNC110  (nobody is told when numbers change)
            await asyncio.sleep(0.01)
    told = await numbers(service)
    assert told["telemetra_relay_stands_in"] == 0
    assert told["telemetra_bus_up"] == 1
    assert told["telemetra_relay_silent_seconds"] < PATIENCE_SECONDS
    assert told['telemetra_relay_steps_total{source="lead"}'] >= 1
    assert any(name.startswith("telemetra_build_info{") for name in told)
    assert told["process_resident_memory_bytes"] > 0


async def test_why_listeners_find_no_room_is_told() -> None:
    async with running(live_max_listeners=1) as service:
        await service.write("lofi", windows=1)
        with capture_logs() as logs:
            async with service.listening("lofi"):
                assert (await sent_away(service.app, "lofi"))["code"] == "too_many_listeners"
            await sent_away(service.app, "nothing")
        told = await numbers(service)
        assert told['telemetra_live_closed_total{code="1013",reason="too_many_listeners"}'] == 1
        assert told['telemetra_live_closed_total{code="4404",reason="stream_not_found"}'] == 1
    closed = [line for line in logs if line["event"] == "live_listener_closed"]
    assert sorted((line["code"], line["reason"]) for line in closed) == [
        (1000, "gone"),
        (1013, "too_many_listeners"),
        (4404, "stream_not_found"),
    ]


async def test_an_address_that_has_too_many_listeners_is_told_from_a_full_server() -> None:
    async with running(live_max_listeners_per_address=1) as service:
        await service.write("lofi", windows=1)
        async with service.listening("lofi"):
            assert (await sent_away(service.app, "lofi"))["code"] == "too_many_listeners"
        told = await numbers(service)
        assert told['telemetra_live_closed_total{code="1013",reason="too_many_listeners_of_address"}'] == 1
