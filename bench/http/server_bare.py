"""Bare uvicorn: an application that does nothing but send the bytes that it was started with. `... PORT FILE HEAD_FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn


def main(port: int, body_file: str, headers_file: str) -> None:
    """Serve until the process is ended."""
    body = Path(body_file).read_bytes()
    headers = [(name.encode(), value.encode()) for name, value in json.loads(Path(headers_file).read_text())]

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        app,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        log_level="error",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
