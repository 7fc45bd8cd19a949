"""The rules and the words of Telemetra, pure: the standard library only."""
