"""Where a service is, and where in it a read or a live socket is."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetra.client import UrlInvalid
from telemetra.client.addresses import Address


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example(".")
@example("..")
@example("%2E")
def test_any_stream_can_be_named_and_comes_through_the_libraries_as_it_is(stream_id: str) -> None:
    address = Address.parse("http://h/prefix")
    live = urlsplit(address.live_url(stream_id))
    prefix, _, segment = live.path.rpartition("/")
    assert (prefix, unquote(segment), live.query, live.fragment) == ("/prefix/ws/live", stream_id, "", "")
    # An HTTP library tidies addresses up.
    sent = httpx.Request("GET", address.stream_url(stream_id, "metrics")).url.raw_path
    assert sent == f"/prefix/api/v1/streams/{segment}/metrics".encode()


@pytest.mark.parametrize("stream_id", ["", "half \ud83d of a face"])
def test_what_no_address_can_name_is_told(stream_id: str) -> None:
    address = Address.parse("http://h")
    for url in (address.live_url, address.stream_url):
        with pytest.raises(ValueError, match="stream_id: it is"):
            url(stream_id)


@pytest.mark.parametrize(
    ("base", "tail"),
    [
        ("http://h", "://h"),
        ("https://h:1/", "s://h:1"),
        ("ws://[::1]:8000/p", "://[::1]:8000/p"),
        ("WSS://u:p@h/p/q/", "s://u:p@h/p/q"),
    ],
)
def test_an_address_may_be_of_http_or_of_websockets(base: str, tail: str) -> None:
    address = Address.parse(base)
    assert address.live_url("s") == f"ws{tail}/ws/live/s"
    assert address.stream_url("s", "moments") == f"http{tail}/api/v1/streams/s/moments"
    assert address.stream_url("s") == f"http{tail}/api/v1/streams/s"
    assert address.streams_url() == f"http{tail}/api/v1/streams"


def test_what_is_shown_of_an_address_holds_no_password() -> None:
    assert str(Address.parse("wss://user:secret@h:1/p")) == "https://h:1/p"


@pytest.mark.parametrize(
    "base",
    [
        *("", "h", "h:8000", "127.0.0.1:8000", "ftp://h", "http://", "http://:80", "//h"),
        *("http://h:x", "http://h:0", "http://h:70000", "http://[::1", "http://user@h"),
        *("http://h?x=1", "http://h#x", "http://h/a b", "http://h/\r\nx", "http://h/\x00", "http://é..h"),
    ],
)
def test_what_is_no_address_is_told_without_repeating_it(base: str) -> None:
    with pytest.raises(UrlInvalid, match="Expected an address such as"):
        Address.parse(base)
