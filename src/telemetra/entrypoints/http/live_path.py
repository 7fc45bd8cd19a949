"""What a plain request to the live socket's path is told; the sockets themselves never come this far."""

from __future__ import annotations

from http import HTTPStatus

from litestar import get
from litestar.exceptions import HTTPException
from litestar.params import FromPath


@get("/ws/live/{stream_id:str}", include_in_schema=False)
async def ask_for_a_socket(stream_id: FromPath[str]) -> None:  # noqa: ARG001  (the path names it)
    """Say that updates are sent over WebSocket."""
    raise HTTPException(
        status_code=HTTPStatus.UPGRADE_REQUIRED, headers={"Upgrade": "websocket", "Connection": "Upgrade"}
    )
