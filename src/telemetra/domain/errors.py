"""What can go wrong, as facts with a stable code and data; how it is told is the entrypoints' concern."""

from __future__ import annotations

from typing import ClassVar


class TelemetraError(Exception):
    """
    Something that Telemetra knows how to explain.

    `code` is stable and meant for programs; the message is meant for people and holds no secret.
    """

    code: ClassVar[str] = "internal_error"


class StreamNotFound(TelemetraError):
    """No stream, window or moment has this `stream_id`."""

    code = "stream_not_found"

    def __init__(self, stream_id: str) -> None:
        super().__init__(f"There is no stream {stream_id!r}.")
        self.stream_id = stream_id


class ParameterInvalid(TelemetraError):
    """A caller's parameter can't be used; `name` says which, the message why and how to mend it."""

    code = "parameter_invalid"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class DatabaseUnavailable(TelemetraError):
    """The database did not answer in time, refused, or went away in the middle."""

    code = "database_unavailable"

    def __init__(
        self, reason: str = "The database is not available.", *, retry_after_seconds: int = 1
    ) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class RedisUnavailable(TelemetraError):
    """Redis did not answer in time, refused, or went away; reads go on without it."""

    code = "redis_unavailable"


class BusUnavailable(TelemetraError):
    """The live bus did not take a step; who missed it notices by the positions, and reads the database."""

    code = "bus_unavailable"


class SchemaOutdated(TelemetraError):
    """The database's tables are not those that this version works with."""

    code = "schema_outdated"

    def __init__(self, *, found: str | None, wanted: str) -> None:
        # Revisions are named so that a later one sorts higher; one that is no name of ours is no older one either.
        self.is_newer = found is not None and found > wanted
        advice = (
            "a newer Telemetra migrated it, so run that" if self.is_newer else "run `telemetra migrate` first"
        )
        super().__init__(
            f"The database is at schema revision {found or 'none'}, this version needs {wanted}: {advice}."
        )
        self.found = found
        self.wanted = wanted


class MigrationFailed(TelemetraError):
    """The database refused a statement of a migration, or knows newer ones; nothing was changed."""

    code = "migration_failed"


class PositionInvalid(TelemetraError):
    """A position's text can't be read, or belongs to another database."""

    code = "position_invalid"


class HostNotAllowed(TelemetraError):
    """A request names a host that this service does not answer for."""

    code = "host_not_allowed"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This service does not answer for the host {host[:100]!r}: its operator names them in ALLOWED_HOSTS."
        )
        self.host = host


class CredentialMissing(TelemetraError):
    """Whoever asks has to say who it is."""

    code = "credential_missing"

    def __init__(self) -> None:
        super().__init__("A token is needed: send it as `Authorization: Bearer TOKEN`.")


class CredentialInvalid(TelemetraError):
    """A token or ticket is none that is known, or no longer; the message says nothing of the ones that are."""

    code = "credential_invalid"


class AccessDenied(TelemetraError):
    """A token is known, and does not allow this."""

    code = "access_denied"


class TooManyRequests(TelemetraError):
    """A client has asked more often than it may."""

    code = "too_many_requests"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(f"You ask more often than you may: wait {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class TooManyConnections(TelemetraError):
    """The process has as many connections as it takes."""

    code = "too_many_connections"

    def __init__(self) -> None:
        super().__init__("The server has as many connections as it takes; try again shortly.")
