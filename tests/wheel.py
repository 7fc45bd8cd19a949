"""
Looks whether an installed wheel is whole: the service starts on embedded engines and serves its pages.

Run by `make check-wheel` with the environment's own Python; it knows nothing of the checkout.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

PAGES = (
    "/api/v1/health",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/asyncapi",
    "/asyncapi.json",
    "/api/v1/streams/demo",
)


def main() -> None:
    """Start, ask, end; an exception says what is missing."""
    telemetra = Path(sys.executable).with_name("telemetra")
    with tempfile.TemporaryDirectory() as directory:
        command = [str(telemetra), "serve", "--demo", "--port", "0"]
        environment = {**os.environ, "TELEMETRA_DATA_DIR": f"{directory}/data"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, cwd=directory
        ) as service:
            assert service.stdout
            try:
                found = re.search(r"http://[^/]+", service.stdout.readline())
                assert found, "the service did not start"
                for page in PAGES:
                    with urllib.request.urlopen(found.group() + page, timeout=10) as answer:
                        assert answer.status == 200, page
                        body = answer.read().decode()
                    for asset in re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', body):
                        urllib.request.urlopen(f"{found.group()}/{asset.lstrip('/')}", timeout=10).close()
            finally:
                service.send_signal(signal.SIGTERM)
                assert service.wait(30) == 0
    print("The wheel is whole.")


if __name__ == "__main__":
    main()
