"""The pages, and that nothing on them comes from anywhere but this service."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from tests.api.http_service import Service, running

PAGES = ["/docs", "/redoc", "/asyncapi", "/dashboard"]


class References(HTMLParser):
    """Collects what a page refers to, and its inline scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline_scripts = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [given[name] or "" for name in ("src", "href", "data-document") if name in given]
        self.inline_scripts += tag == "script" and "src" not in given


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_refers_to_this_service_only_and_to_what_is_there(service: Service, page: str) -> None:
    answer = await service.get(page)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    references = References(answer.text)
    assert len(references.found) >= 4
    assert references.inline_scripts == 0
    for reference in references.found:
        assert not re.match(r"[a-z]+:|/", reference)
        assert (await service.get(urljoin(f"http://test{page}", reference))).status_code == 200


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("prefix", ["", "/stats"])
async def test_a_slash_after_a_page_leads_to_the_page_under_any_prefix(
    service: Service, page: str, prefix: str
) -> None:
    answer = await service.get(f"{page}/?x=1")
    assert answer.status_code == 308
    assert (
        urljoin(f"http://test{prefix}{page}/?x=1", answer.headers["location"]) == f"http://test{prefix}{page}"
    )


@pytest.mark.parametrize("raw_path", [b"/docs/", b""])
async def test_the_slash_is_seen_with_and_without_the_server_s_raw_path(
    service: Service, raw_path: bytes
) -> None:
    assert (await service.raw(raw_path, path="/docs/")).status == 308
    assert (await service.raw(raw_path[:-1], path="/docs")).status == 200


@pytest.mark.parametrize(
    ("page", "allowed"),
    [
        ("/docs", {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}),
        ("/redoc", {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}),
        ("/asyncapi", {"'none'", "'self'"}),
        # And what is text may not become HTML.
        ("/dashboard", {"'none'", "'self'", "'script'"}),
    ],
)
async def test_a_page_s_policy_forbids_other_hosts(service: Service, page: str, allowed: set[str]) -> None:
    policy = (await service.get(page)).headers["content-security-policy"]
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert {source for sources in directives.values() for source in sources.split()} == allowed
    assert "'unsafe-inline'" not in directives["script-src"]


async def test_the_validator_of_the_internet_is_not_asked(service: Service) -> None:
    assert "validatorUrl: null" in (await service.get("/assets/swagger.js")).text


async def test_assets_may_be_kept(service: Service) -> None:
    answer = await service.get("/assets/swagger-ui-bundle.js")
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["dashboard.js", "dashboard.css"])
async def test_the_dashboard_is_asked_for_again_and_costs_a_304(service: Service, name: str) -> None:
    answer = await service.get(f"/assets/{name}")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await service.get(f"/assets/{name}", If_None_Match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


async def test_the_dashboard_writes_no_text_as_html(service: Service) -> None:
    policy = (await service.get("/dashboard")).headers["content-security-policy"]
    assert "require-trusted-types-for 'script'" in policy
    assert "trusted-types 'none'" in policy
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\b",
        (await service.get("/assets/dashboard.js")).text,
    )


async def test_the_title_is_the_operator_s_and_escaped() -> None:
    async with running(api_title="Stats & <b>more</b>") as service:
        assert "<title>Stats &amp; &lt;b&gt;more&lt;/b&gt;</title>" in (await service.get("/docs")).text
        for document in ("/openapi.json", "/asyncapi.json"):
            assert (await service.get(document)).json()["info"]["title"] == "Stats & <b>more</b>"
        assert (await service.get("/")).json()["name"] == "Stats & <b>more</b>"


async def test_the_index_links_to_what_is_there(service: Service) -> None:
    index = (await service.get("/")).json()
    assert index["version"]
    for name, link in index["links"].items():
        expected = 426 if name == "live" else 200
        assert (await service.get(link.replace("{stream_id}", "lofi"))).status_code == expected


@pytest.mark.parametrize(
    "url", ["/openapi.json", "/asyncapi.json", "/assets/swagger-ui.css", "/assets/dashboard.js"]
)
async def test_what_is_large_is_sent_as_the_client_takes_it(service: Service, url: str) -> None:
    plain = await service.get(url, Accept_Encoding="identity")
    assert "content-encoding" not in plain.headers
    for coding in ("zstd", "br", "gzip"):
        packed = await service.raw(url.encode(), headers=[(b"accept-encoding", coding.encode())])
        assert packed.headers["content-encoding"] == coding
        assert len(packed.body) * 3 < len(plain.content)
        assert packed.headers["etag"] != plain.headers["etag"]
        known = await service.get(url, Accept_Encoding=coding, If_None_Match=packed.headers["etag"])
        assert (known.status_code, known.content) == (304, b"")
    unpacked = await service.raw(url.encode(), headers=[(b"accept-encoding", b"gzip")])
    assert gzip.decompress(unpacked.body) == plain.content
