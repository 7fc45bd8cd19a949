"""The tables as they stand after the newest migration; the drift test holds the two together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import UserDefinedType


class TransactionId(UserDefinedType[int]):
    """`xid8`: the number of a transaction, never used twice but after a crash."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


metadata = MetaData()
_UTC_NOW = text("(now() at time zone 'utc')")


def _revision() -> Column[int]:
    return Column("revision", TransactionId, server_default=text("pg_current_xact_id()"))


streams = Table(
    "streams",
    metadata,
    Column("stream_id", Text, primary_key=True),
    Column("title", Text),
    Column("created_at", DateTime, nullable=False, server_default=_UTC_NOW),
    Column("updated_at", DateTime, nullable=False, server_default=_UTC_NOW),
    _revision(),
    Index("streams_updated", "updated_at"),
    Index("streams_revision", "revision"),
)

chat_summary_minute = Table(
    "chat_summary_minute",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("stream_id", Text, nullable=False),
    Column("window_start", DateTime, nullable=False),
    Column("window_end", DateTime, nullable=False),
    Column("chat_count", Integer, server_default="0"),
    Column("unique_chatters", Integer, server_default="0"),
    Column("top_emotes", ARRAY(Text), server_default="{}"),
    Column("avg_sentiment", Double),
    Column("chat_rate", Double),
    Column("avg_viewers", Double),
    Column("z_score", Double),
    Column("is_anomaly", Boolean),
    _revision(),
    CheckConstraint(
        "window_end > window_start and (avg_sentiment between -1 and 1 or avg_sentiment = 'NaN') "
        "and chat_count >= 0 and unique_chatters >= 0",
        name="chat_summary_minute_possible",
    ),
    Index("chat_summary_minute_key", "stream_id", "window_start", "window_end", unique=True),
    Index("chat_summary_minute_stream_revision", "stream_id", "revision", "id"),
    Index("chat_summary_minute_revision", "revision"),
)

moments = Table(
    "moments",
    metadata,
    Column("moment_id", Text, primary_key=True, server_default=text("gen_random_uuid()::text")),
    Column("stream_id", Text, nullable=False),
    Column("timestamp", DateTime, nullable=False),
    Column("moment_type", Text, nullable=False),
    Column("description", Text),
    Column("metric_name", Text),
    Column("metric_value", Double),
    Column("threshold", Double),
    Column("z_score", Double),
    Column("metadata", JSONB, server_default="{}"),
    _revision(),
    CheckConstraint(
        "moment_type in ('chat_spike', 'viewer_spike', 'sentiment_shift')", name="moments_moment_type_known"
    ),
    Index("moments_newest", "stream_id", "timestamp"),
    Index("moments_newest_of_type", "stream_id", "moment_type", "timestamp"),
    Index("moments_stream_revision", "stream_id", "revision"),
    Index("moments_revision", "revision"),
)

removals = Table(
    "removals",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("stream_id", Text, comment="null: the whole table was emptied"),
    Column("source", Text, nullable=False),
    Column("window_start", DateTime),
    Column("window_end", DateTime),
    Column("moment_id", Text),
    Column("revision", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("removed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("removals_stream_revision", "stream_id", "revision", "id"),
    Index("removals_revision", "revision"),
    Index("removals_removed_at", "removed_at"),
)

state = Table(
    "telemetra_state",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("removals_horizon", TransactionId, nullable=False, server_default=text("'0'")),
    CheckConstraint("only_row", name="telemetra_state_only_row_check"),
)
