"""What operators are given to watch a service with asks for nothing but numbers that the service tells, and leaves none out."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml
from prometheus_client.parser import text_string_to_metric_families

from telemetra.domain.ports import PoolUse, Vitals
from telemetra.entrypoints.app import route_templates
from telemetra.settings import Settings
from tests.api.http_service import running
from tests.architecture.promql import Reading, Selector, read

_ROOT: Final = Path(__file__).parents[2]
_DEPLOY: Final = _ROOT / "deploy"
_DASHBOARD: Final[dict[str, Any]] = json.loads((_DEPLOY / "grafana" / "telemetra.json").read_text())
_PANELS: Final[list[dict[str, Any]]] = [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]
_ALERTS: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((_DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]

_BY_PROMETHEUS: Final = frozenset({"job", "instance"})
"""Labels that it adds to everything it reads."""
_NOT_SHOWN: Final = {
    "process_virtual_memory_bytes": "what is reserved says nothing of what is used",
    "telemetra_tokens_unreadable": "it has an alert, and is 0 else",
}
_COLUMNS: Final = 24

Told = dict[str, dict[str, set[str]]]
"""By the name of a sample, the values of each of its labels."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told() -> AsyncIterator[Told]:
    """What a service tells that has answered, refused, and been listened to."""
    use = PoolUse(used=1, idle=1, size=2, waiting=0)
    vitals = Vitals(pools={"reads": use, "catch-up": use})
    async with running(replaced={"vitals": lambda: vitals}) as service:
        await service.write("lofi", windows=1)
        async with service.listening("lofi"):
            await service.get("/api/v1/streams/lofi/metrics")
        samples: Told = {}
        for family in text_string_to_metric_families((await service.get("/metrics")).text):
            for sample in family.samples:
                labels = samples.setdefault(sample.name, defaultdict(set))
                for label, value in sample.labels.items():
                    labels[label].add(value)
        yield samples


@cache
def _read(expression: str) -> Reading:
    """Read an expression as Grafana sends it; its variables in strings may be anything."""
    return read(expression.replace("$__rate_interval", "1m"))


def _targets(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def _expressions() -> list[Any]:
    shown = [
        pytest.param(expression, id=f"panel {panel['title']} {number}")
        for panel in _PANELS
        for number, expression in enumerate(_targets(panel))
    ]
    return shown + [pytest.param(alert["expr"], id=f"alert {alert['alert']}") for alert in _ALERTS]


@pytest.mark.parametrize("expression", _expressions())
def test_an_expression_asks_for_what_is_told(expression: str, told: Told) -> None:
    reading = _read(expression)
    known = set(_BY_PROMETHEUS)
    for selector in reading.selectors:
        if selector.name != "up":
            assert selector.name in told
            known |= told[selector.name].keys()
            assert [matcher for matcher in selector.matchers if not _may_match(selector, matcher, told)] == []
    assert reading.grouped_by <= known


def _may_match(selector: Selector, matcher: tuple[str, str, str], told: Told) -> bool:
    """Whether a selector's matcher names a label that its series have, and a value that may come."""
    label, operator, value = matcher
    if label in _BY_PROMETHEUS:
        return True
    if label not in told[selector.name]:
        return False
    possible = told[selector.name][label]
    if label == "status":
        possible = {"200", "404", "422", "500", "503"}
    if label == "route":
        possible = set(route_templates(Settings()))
    if value.startswith("$"):
        return True
    choices = value.split("|") if operator in {"=~", "!~"} else [re.escape(value)]
    return all(any(re.fullmatch(choice, one) for one in possible) for choice in choices)


@pytest.mark.parametrize("expression", _expressions())
def test_counters_are_seen_by_their_rate_and_states_as_they_are(expression: str) -> None:
    reading = _read(expression)
    for selector in reading.selectors:
        is_counter = selector.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert (selector.function in {"rate", "increase"}) == is_counter, selector
    quantiles = expression.count("histogram_quantile(")
    assert len(reading.quantiles_by) == quantiles
    assert all("le" in kept for kept in reading.quantiles_by)


@pytest.mark.parametrize("panel", _PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_only_what_was_chosen(panel: dict[str, Any]) -> None:
    for expression in _targets(panel):
        for selector in _read(expression).selectors:
            chosen = {(label, value) for label, _, value in selector.matchers}
            assert ("job", "$job") in chosen
            # The leader is one of all: among some of them there may be none.
            assert ("instance", "$instance") in chosen or selector.name == "telemetra_relay_leads"


def test_all_that_is_told_is_shown(told: Told) -> None:
    shown = {
        _family(selector.name)
        for panel in _PANELS
        for expression in _targets(panel)
        for selector in _read(expression).selectors
    }
    # When a series began is told beside every other; Prometheus has use for it, people have none.
    families = {_family(name) for name in told if not name.endswith("_created")}
    assert families - shown == set(_NOT_SHOWN)


def _family(name: str) -> str:
    return re.sub("_seconds_(bucket|count|sum)$", "_seconds", name)


def test_panels_lie_side_by_side() -> None:
    panels = _DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert 0 <= panel["gridPos"]["x"] < panel["gridPos"]["x"] + panel["gridPos"]["w"] <= _COLUMNS
    assert [pair for pair in combinations(panels, 2) if _overlap(*(panel["gridPos"] for panel in pair))] == []


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


@pytest.mark.parametrize("panel", _PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_means_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > len(panel["title"])
    assert _is_explained(panel["description"])
    assert panel["fieldConfig"]["defaults"].get("unit") or panel["type"] in {"heatmap", "state-timeline"}
    sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert {source["uid"] for source in sources} == {"${DS}"}
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


def test_the_dashboards_variables_ask_for_what_is_told(told: Told) -> None:
    variables = {variable["name"]: variable for variable in _DASHBOARD["templating"]["list"]}
    assert list(variables) == ["DS", "job", "instance", "route"]
    assert variables.pop("DS")["type"] == "datasource"
    for name, variable in variables.items():
        asked = re.fullmatch(r"label_values\((?P<selector>.+), (?P<label>\w+)\)", variable["definition"])
        assert asked
        assert variable["query"]["query"] == variable["definition"]
        (selector,) = _read(asked["selector"]).selectors
        assert asked["label"] == name
        assert name in _BY_PROMETHEUS | told[selector.name].keys()
        assert {label for label, _, _ in selector.matchers} <= _BY_PROMETHEUS


@pytest.mark.parametrize("alert", _ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"\d+[sm]", alert["for"])
    assert alert["annotations"]["summary"].endswith(".")
    description = alert["annotations"]["description"]
    assert "First:" in description or "First, " in description
    assert "`telemetra doctor`" in description or "README" in description
    assert _is_explained(description)


def _is_explained(text: str) -> bool:
    """Whether all that a text refers to is there: what the doctor looks at, events of the log, chapters, settings."""
    checks = re.findall(r"`([a-z]+\.[a-z]+)`", text)
    events = re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text)
    chapters = re.findall(r'README, "([^"]+)"', text)
    settings = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b(?!\*)", text)
    readme = (_ROOT / "README.md").read_text()
    return (
        {*checks, *events} <= _words_of_the_source()
        and all(f"\n## {chapter}\n" in readme for chapter in chapters)
        and all(f"\n{name}=" in (_ROOT / ".env.example").read_text() for name in settings)
    )


@cache
def _words_of_the_source() -> frozenset[str]:
    return frozenset(
        node.value
        for path in (_ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_each_alert_is_tried_and_named_once() -> None:
    names = [alert["alert"] for alert in _ALERTS]
    assert len(set(names)) == len(names)
    # `promtool test rules` tries them, by hand: here is but that none is left out.
    trials = yaml.safe_load((_DEPLOY / "prometheus" / "alerts_test.yml").read_text())["tests"]
    expected = [
        re.findall(r'alertname="(\w+)"', sample["labels"])
        for trial in trials
        for check in trial["promql_expr_test"]
        for sample in check["exp_samples"]
    ]
    assert {name for (name,) in expected} == set(names)


def test_the_example_reads_the_numbers_where_they_are_and_these_rules() -> None:
    example = yaml.safe_load((_DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (job,) = example["scrape_configs"]
    assert job["metrics_path"] in route_templates(Settings())
    assert all((_DEPLOY / "prometheus" / name).is_file() for name in example["rule_files"])
    named = {
        value
        for alert in _ALERTS
        for selector in _read(alert["expr"]).selectors
        for label, _, value in selector.matchers
        if label == "job"
    }
    assert named == {job["job_name"]}
    (dropped,) = (re.compile(rule["regex"]) for rule in job["metric_relabel_configs"])
    asked = {
        selector.name
        for expression in [*(e for panel in _PANELS for e in _targets(panel)), *(a["expr"] for a in _ALERTS)]
        for selector in _read(expression).selectors
    }
    assert [name for name in asked if dropped.fullmatch(name)] == []


@pytest.mark.parametrize("alert", _ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_leads_to_a_chapter_of_the_runbook(alert: dict[str, Any]) -> None:
    path, _, anchor = alert["annotations"]["runbook"].partition("#")
    titles = re.findall(r"^#+ (.+)$", (_ROOT / path).read_text(), re.MULTILINE)
    assert anchor in {re.sub("[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_what_keeps_an_alert_quiet_is_another_one() -> None:
    names = {alert["alert"] for alert in _ALERTS}
    rules = yaml.safe_load((_DEPLOY / "prometheus" / "alertmanager.yml").read_text())["inhibit_rules"]
    for rule in rules:
        (source,) = re.findall('alertname = "(.+)"', rule["source_matchers"][0])
        target = re.search('alertname =~? "(.+)"', rule["target_matchers"][0])
        assert source in names
        assert target
        assert all(any(re.fullmatch(one, name) for name in names) for one in target[1].split("|"))
        if re.fullmatch(target[1], source):
            # None may keep itself quiet.
            assert f'alertname != "{source}"' in rule["target_matchers"]
