"""How every command fails: one line that says what is wrong, no traceback, exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import structlog

from telemetra.bootstrap import DataDirectoryInUse, EngineFailed, TokensUnreadable, TracesImpossible
from telemetra.domain.errors import TelemetraError
from telemetra.logging import configure_logging
from telemetra.settings import Settings, SettingsInvalid, find_oversights, load_settings

_KNOWN: Final = (SettingsInvalid, EngineFailed, DataDirectoryInUse, TokensUnreadable, TracesImpossible)

_log = structlog.get_logger(__name__)


@contextmanager
def one_line_failures(**given: Any) -> Iterator[Settings]:
    """
    Load the settings (`given` are the command line's), set up logging, and tell known failures in one line.

    Raises:
        click.ClickException: with the message; click prints it and exits with 1.

    """
    try:
        settings = load_settings(**given)
        configure_logging(settings.log_level, settings.log_format)
        for oversight in find_oversights(settings):
            _log.warning("setting_overlooked", reason=oversight)
        yield settings
    except (*_KNOWN, TelemetraError) as error:
        told = "; ".join([str(error), *getattr(error, "__notes__", ())])
        raise click.ClickException(told) from error
