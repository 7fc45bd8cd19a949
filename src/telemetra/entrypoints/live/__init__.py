"""Live delivery over WebSocket: the hub that follows the changes, and one socket a listener."""
