"""How every command fails: one line that says what is wrong, no traceback, exit code 1; a service's line is one of its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import structlog

from telemetra.bootstrap import DataDirectoryInUse, EngineFailed, TokensUnreadable, TracesImpossible
from telemetra.domain.errors import TelemetraError
from telemetra.logging import configure_logging, tells_json
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


@contextmanager
def service_failures(**given: Any) -> Iterator[Settings]:
    """
    Do as `one_line_failures`, but where the log is JSON the line is one of its own: whoever collects it reads nothing else.

    Raises:
        click.ClickException: with the message; click prints it and exits with 1.
        click.exceptions.Exit: the log has the message.

    """
    # For settings that can't be used, and so don't say how to log.
    configure_logging()
    try:
        with one_line_failures(**given) as settings:
            yield settings
    except click.ClickException as error:
        if not tells_json():
            raise
        _log.error("service_failed", reason=error.format_message())
        raise click.exceptions.Exit(error.exit_code) from error
