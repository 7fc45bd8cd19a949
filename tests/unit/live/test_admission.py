"""Who may listen."""

from __future__ import annotations

import pytest

from telemetra.entrypoints.live.admission import Admission, is_origin_allowed
from telemetra.entrypoints.live.allowance import Allowance
from telemetra.entrypoints.live.ending import ListenerEnded


@pytest.mark.parametrize(
    ("origins", "host", "scheme", "allowed"),
    [
        ([], "example.org", "ws", []),
        (["http://example.org"], "example.org", "ws", []),
        (["http://example.org:80"], "example.org", "ws", []),
        (["http://example.org:8000"], "example.org:8000", "ws", []),
        (["https://example.org"], "example.org", "ws", []),
        (["https://example.org"], "example.org:443", "wss", []),
        (["HTTPS://EXAMPLE.org"], "Example.Org", "wss", []),
        (["http://[::1]:8000"], "[::1]:8000", "ws", []),
        (["https://app.example"], "example.org", "wss", ["https://app.example"]),
        (["null"], "example.org", "ws", ["*"]),
    ],
)
def test_a_page_of_ours_or_of_an_allowed_origin_may_listen(
    origins: list[str],
    host: str,
    scheme: str,
    allowed: list[str],
) -> None:
    assert is_origin_allowed(origins, host=host, secure=scheme == "wss", allowed=allowed)


@pytest.mark.parametrize(
    ("origins", "host", "scheme", "allowed"),
    [
        (["http://evil.example"], "example.org", "ws", []),
        (["http://example.org.evil.example"], "example.org", "ws", []),
        (["http://example.org@evil.example"], "example.org", "ws", []),
        (["http://evil.example@example.org"], "example.org", "ws", []),
        (["http://example.org"], "evil.example@example.org", "ws", []),
        (["http://example.org"], "example.org:8000", "ws", []),
        (["http://example.org"], "example.org", "wss", []),
        (["null"], "example.org", "ws", []),
        ([""], "", "ws", []),
        (["http://"], "", "ws", []),
        (["http://example.org"], None, "ws", []),
        (["http://example.org:x"], "example.org", "ws", []),
        (["http://[::1"], "example.org", "ws", []),
        (["file://example.org"], "example.org", "ws", []),
        (["http://example.org", "http://example.org"], "example.org", "ws", []),
        (["https://app.example:8443"], "example.org", "wss", ["https://app.example"]),
    ],
)
def test_any_other_page_may_not(
    origins: list[str],
    host: str | None,
    scheme: str,
    allowed: list[str],
) -> None:
    assert not is_origin_allowed(origins, host=host, secure=scheme == "wss", allowed=allowed)


def test_a_place_is_free_again_when_its_listener_is_gone() -> None:
    admission = Admission(max_listeners=2, max_per_address=1)
    with admission.admit("a"):
        with admission.admit("b"), pytest.raises(ListenerEnded), admission.admit("c"):
            pass
        with pytest.raises(ListenerEnded), admission.admit("a"):
            pass
        with admission.admit("c"):
            pass


def test_an_allowance_comes_back_with_time() -> None:
    now = 0.0
    allowance = Allowance(60, clock=lambda: now)
    assert [allowance.take() for _ in range(61)] == [True] * 60 + [False]
    now = 0.5
    assert not allowance.take()
    now = 2.0
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now = 1e6
    assert [allowance.take() for _ in range(61)] == [True] * 60 + [False]


def test_open_files_are_left_to_others() -> None:
    admission = Admission(max_listeners=1_000, max_per_address=1_000, open_files=258)
    with admission.admit("a"), admission.admit("b"), pytest.raises(ListenerEnded), admission.admit("c"):
        pass
