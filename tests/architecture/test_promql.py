"""The reader of PromQL that dashboards and alerts are held by: what it takes, and what it refuses."""

from __future__ import annotations

import pytest

from tests.architecture.promql import NotPromQL, Selector, read


def test_it_says_what_is_selected_and_through_what() -> None:
    reading = read(
        'sum by (job, le) (rate(lag_bucket{job="a{b}", code!~"4..", code!="499"}[5m])) / on (job) up > 0.5'
    )
    assert reading.selectors == [
        Selector(
            name="lag_bucket",
            matchers=(("job", "=", "a{b}"), ("code", "!~", "4.."), ("code", "!=", "499")),
            function="rate",
        ),
        Selector(name="up", matchers=(), function=""),
    ]
    assert reading.grouped_by == {"job", "le"}
    assert read("histogram_quantile(0.5, sum by (le) (rate(a[1m])))").quantiles_by == [{"le"}]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "sum(a",
        "sum(a))",
        "a b",
        "a{b=c}",
        'a{b="c"',
        'a{b=="c"}',
        "rate(a)",
        "rate(a[5])",
        "rate(sum(a)[5m])",
        "a[5m]",
        "sum(a[5m])",
        "histogram_quantile(a, 0.5)",
        "nothing_known(a)",
        "a + ",
        "a[5m] / b[5m]",
        "1 or a",
        "1 > 2",
        "a $ b",
        "sum by (a b) (c)",
    ],
)
def test_what_is_not_well_formed_is_refused(expression: str) -> None:
    with pytest.raises(NotPromQL):
        read(expression)
