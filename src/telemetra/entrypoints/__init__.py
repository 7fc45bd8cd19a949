"""The ways in: HTTP, WebSocket, command line. They see ports, never an adapter."""
