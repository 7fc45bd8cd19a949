"""The original's style: FastAPI, a hundred pydantic models made and checked for each answer; no database. `... PORT`."""

from __future__ import annotations

import sys
from datetime import datetime

import uvicorn
from bench.http.windows import window
from fastapi import FastAPI
from pydantic import BaseModel


class Window(BaseModel):
    """One window, with the fields of the API."""

    stream_id: str
    window_start: datetime
    window_end: datetime
    chat_count: int
    unique_chatters: int
    top_emotes: list[str]
    avg_sentiment: float
    chat_rate: float
    avg_viewers: float
    z_score: float | None
    is_anomaly: bool


def main(port: int) -> None:
    """Serve until the process is ended."""
    app = FastAPI()
    rows = [window(number) for number in range(100)]

    @app.get("/api/v1/streams/{stream_id}/metrics", response_model=list[Window])
    async def metrics(stream_id: str) -> list[Window]:
        return [
            Window(
                **{name: getattr(row, name) for name in Window.model_fields if name != "stream_id"},
                stream_id=stream_id,
            )
            for row in rows
        ]

    uvicorn.run(app, port=port, log_config=None, access_log=False, log_level="error")


if __name__ == "__main__":
    main(int(sys.argv[1]))
