"""What a doctor finds in the settings: what can't be used, what is overlooked, and what goes ill together."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from telemetra.domain.findings import Finding, note, ok, problem, warning
from telemetra.entrypoints.live.admission import most_listeners
from telemetra.entrypoints.server import allowed_open_files
from telemetra.settings import Settings, SettingsInvalid, find_oversights


async def settings_refused(error: SettingsInvalid) -> list[Finding]:
    """Return a finding for each setting that can't be used."""
    refused = [problem("settings.values", told, _mending(told)) for told in error.problems]
    return [*refused, *_overlooked(Settings())]


def _mending(told: str) -> str:
    name = told.partition(":")[0]
    if name.isupper():
        return f"Set {name} anew, in the environment or in .env; .env.example tells of each setting."
    return f"Mend it in {name.partition(',')[0]}; .env.example shows how it is written."


async def check_settings(settings: Settings) -> list[Finding]:
    """Return what is hardly meant in settings that can be used."""
    return [ok("settings.values", "all can be used"), *_overlooked(settings), *_risks(settings)]


def _overlooked(settings: Settings) -> list[Finding]:
    advice = (
        "Give it the name or the company that it needs, or take it out; .env.example tells of each setting."
    )
    return [warning("settings.overlooked", told, advice) for told in find_oversights(settings)]


def _risks(settings: Settings) -> Iterator[Finding]:
    if settings.debug:
        found = "DEBUG=true: error answers tell what went wrong inside"
        if _is_loopback(settings.host):
            yield note("settings.debug", found, "Take DEBUG out before others can reach this service.")
        else:
            yield warning(
                "settings.debug",
                f"{found}, on {settings.host} to everybody",
                "Take DEBUG out, in the environment or in .env.",
            )
    if "*" in settings.cors_origins:
        found = "CORS_ORIGINS=*: any page that a user opens may read all, and listen"
        yield warning("settings.origins", found, "Name the pages' origins: CORS_ORIGINS=https://example.org")
    yield from _listeners(settings)


def _listeners(settings: Settings) -> Iterator[Finding]:
    wanted = settings.live_max_listeners
    files = allowed_open_files()
    most = most_listeners(wanted, open_files=files)
    if most == wanted:
        return
    found = f"LIVE_MAX_LISTENERS={wanted}, but {files} open files leave room for {most}"
    advice = (
        "Raise the limit where the service is started (ulimit -Hn; LimitNOFILE= of a systemd unit, --ulimit nofile= of a "
        f"container), or set LIVE_MAX_LISTENERS={most}."
    )
    # Whoever has not chosen a number does not miss the rest of it.
    chosen = wanted != Settings().live_max_listeners
    yield (warning if chosen else note)("settings.listeners", found, advice)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
