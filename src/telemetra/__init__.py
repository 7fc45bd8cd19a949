"""Telemetra: live-stream analytics over PostgreSQL, served by REST and WebSocket."""
