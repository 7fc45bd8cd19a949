"""
The application for an ASGI server of one's own: `uvicorn telemetra.asgi:app`, by the same settings as `telemetra serve`.

Importing it reads the settings; what is wrong with them ends the process with one message.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import structlog

from telemetra.bootstrap import TracesImpossible, create_application
from telemetra.logging import configure_logging
from telemetra.settings import SettingsInvalid, find_oversights, load_settings


def _leave_with_parent() -> None:
    """End this worker when the process that supervises it is gone, even by SIGKILL: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="leave-with-parent", daemon=True).start()


try:
    _settings = load_settings()
except SettingsInvalid as error:
    raise SystemExit(str(error)) from None
configure_logging(_settings.log_level, _settings.log_format)
for _oversight in find_oversights(_settings):
    structlog.get_logger(__name__).warning("setting_overlooked", reason=_oversight)
_leave_with_parent()
try:
    app = create_application(_settings)
except TracesImpossible as error:
    raise SystemExit(str(error)) from None
