"""The documentation pages in a real browser that reaches no host but this service."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.e2e.service import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BROWSER_SECONDS = 90
OPERATIONS = ("listStreams", "getStream", "listMetrics", "listMoments")


async def rendered(url: str, profile: Path) -> str:
    """Return the page's elements after its scripts have run."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={profile}"),
        *("--virtual-time-budget=20000", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), BROWSER_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode()


@pytest.mark.timeout(300)
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
async def test_both_pages_render_with_every_foreign_host_blocked(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        swagger = await rendered(f"{service.url}/docs", tmp_path / "one")
        redoc = await rendered(f"{service.url}/redoc", tmp_path / "two")
    for operation in OPERATIONS:
        assert f"-{operation}" in swagger
        assert f"operation/{operation}" in redoc
    assert "LiveMessage" in swagger
