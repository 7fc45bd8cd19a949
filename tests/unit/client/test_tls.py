"""Certificates: whom the client trusts, over HTTP and on the live socket alike."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from telemetra.client import ConnectedMessage, ServiceUnreachable
from tests.authority import Authority
from tests.python_clients import Connect
from tests.unit.client.scripted_http import answer, answering
from tests.unit.scripted_server import PATIENCE_SECONDS, connected, playing, stream, talk


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def of_server(authority: Authority) -> ssl.SSLContext:
    files = authority.issue("server", alt_name="IP:127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    assert files.cert
    context.load_cert_chain(files.cert, files.key)
    return context


async def test_an_authority_of_one_s_own_is_trusted_where_it_is_named(
    connect: Connect, authority: Authority, of_server: ssl.SSLContext
) -> None:
    ours = ssl.create_default_context(cafile=authority.cert)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        answering(answer(stream("t")), ssl_context=of_server) as http,
        playing(talk(connected()), ssl_context=of_server) as live,
        connect(http.url, ssl_context=ours) as reader,
        connect(live.url, ssl_context=ours) as follower,
    ):
        assert (await reader.stream("s")).title == "t"
        assert isinstance(await follower.live("s").next(), ConnectedMessage)


async def test_a_certificate_that_is_not_trusted_is_told_and_not_tried_again(
    connect: Connect, of_server: ssl.SSLContext
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with answering(b"", ssl_context=of_server) as http, connect(http.url) as reader:
            with pytest.raises(ServiceUnreachable, match="certificate is not trusted") as of_read:
                await reader.stream("s")
        async with playing(ssl_context=of_server) as live, connect(live.url) as reader:
            with pytest.raises(ServiceUnreachable, match="certificate is not trusted") as of_live:
                await reader.live("s").next()
    assert not of_read.value.may_pass
    assert not of_live.value.may_pass
