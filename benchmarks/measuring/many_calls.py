"""A store with as many calls as wanted, made inside DuckDB: about half a minute for a million.

Each call is drawn from hashes of its number, so that the same number is the same call. They lie
evenly in time, which is what makes it possible to go on where an older store ends.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from llmtrace.clock import unix_ns
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.rollups import corrected, rebuild
from llmtrace.store.user_days import add_next_days

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.store.writer import Transaction

_SLICE: Final = 500_000
_NOTE: Final = "course.json"
# 12 models of 4 providers, 8 features, 20 tenants, 3 services, 2 000 users of whom few call much;
# lengths and tokens log-normal, 2 % errors. Hashes of the number instead of chance: repeatable.
_FILL: Final = """
    insert into spans by name
    with
    drawn as (
        select
            i, hash(i) as h,
            (hash(i, 1) % 1000000 + 0.5) / 1e6 as u1, (hash(i, 2) % 1000000 + 0.5) / 1e6 as u2,
            (hash(i, 3) % 1000000 + 0.5) / 1e6 as u3
        from range(?::bigint, ?::bigint) as r (i)
    ),
    shaped as (
        select
            *, sqrt(-2 * ln(u1)) * cos(6.283185307 * u2) as z, (h % 12)::int as m,
            hash(i, 4) % 50 = 0 as failed
        from drawn
    ),
    counted as (
        select
            *, (exp(z * 0.8 + 14.2) * 1000)::bigint as ns,
            case when not failed then (exp(z + 6.5))::bigint + 10 end as tokens_in,
            case when not failed then (u3 * 800)::bigint + 5 end as tokens_out
        from shaped
    )
    select
        make_timestamp(?::bigint + (i * ?::double)::bigint) as start_time,
        start_time + to_microseconds((ns / 1000)::bigint) as end_time, ns as duration_ns,
        md5(i::varchar)::uuid as trace_id, h | 1 as span_id,
        'chat model-' || m as name, 'client' as kind,
        case when failed then 'error' else 'ok' end as status,
        case when failed then ['RateLimitError', 'Timeout', 'BadRequest'][(h % 3)::int + 1] end
            as error_type,
        case when failed then [429, 504, 400][(h % 3)::int + 1] end as http_status,
        'service-' || (hash(m) % 3) as service, case when m = 11 then 'dev' else 'prod' end
            as environment,
        'openai' as sdk, 'llmtrace' as origin, true as is_inference, 'chat' as operation,
        'provider-' || (m % 4) as provider, 'model-' || m as request_model,
        'user-' || (pow(u3, 4) * 2000)::int as user_id, 'tenant-' || (hash(i, 5) % 20) as tenant,
        'session-' || (i // 7) as session_id, 'feature-' || (hash(i, 6) % 8) as feature,
        map(['team'], ['team-' || (h % 5)]) as tags, 0 as retry_count,
        case when h % 2 = 0 and not failed then (ns * u2)::bigint end as ttfc_ns,
        tokens_in as input_tokens, tokens_out as output_tokens,
        case when u1 < 0.3 then tokens_in // 2 else 0 end as cache_read_tokens,
        ((tokens_in * (m + 1) * 100 + tokens_out * (m + 1) * 800) / 1e9)::decimal(18, 12)
            as cost_usd,
        'list' as cost_source, case when u1 < 0.3 then 'hit' else 'miss' end as cache_status,
        (tokens_in * 0.0000001)::decimal(18, 12) as cache_savings_usd,
        map(['server.address'], ['api.example']) as attributes, 1::ubigint as resource_id,
        start_time as ingested_at
    from counted
    order by start_time
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """When the calls are: the number of a call says when it began."""

    start_us: int
    """Of call 0, microseconds since 1970."""
    step_us: float

    @classmethod
    def until(cls, end: datetime, *, calls: int, days: float) -> Self:
        """Return ``calls`` calls over the ``days`` days before ``end``."""
        start_us = unix_ns(end - timedelta(days=days)) // 1_000
        return cls(start_us=start_us, step_us=days * 86_400_000_000 / calls)

    def time_of(self, number: int) -> datetime:
        """Return when a call begins, naive UTC, as stored."""
        # As the database makes it of the same numbers.
        since = timedelta(microseconds=self.start_us + int(number * self.step_us))
        return datetime(1970, 1, 1) + since  # noqa: DTZ001  # as stored

    def number_at(self, moment: datetime) -> int:
        """Return how many calls begin before a moment."""
        return math.ceil((unix_ns(moment) / 1_000 - self.start_us) / self.step_us)


def fill(writer: Writer, course: Course, first: int, end: int) -> None:
    """Store the calls numbered from ``first`` to before ``end``; the rollups stay as they are."""
    for bounds in _slices(first, end):
        writer.transaction(partial(_insert, course=course, bounds=bounds))


def roll_up(writer: Writer, now: datetime) -> None:
    """Build the rollups of calls that were filled in, as a collector has them at ``now``."""
    writer.transaction(rebuild)
    _add_days(writer, now)


def home_with_calls(home: Path, *, calls: int, days: float, kept: Path | None = None) -> None:
    """Put a store with calls until now into ``home``, a folder.

    ``kept`` is a folder that has the same from an earlier time, or gets it: then it is copied, and
    only what is missing until now is made.
    """
    now = _now()
    place = home if kept is None else kept / f"{calls}-calls-{days:g}-days"
    if not (place / _NOTE).exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / DATABASE_FILE).unlink(missing_ok=True)
        course = Course.until(now, calls=calls, days=days)
        with Writer(place / DATABASE_FILE) as writer:
            fill(writer, course, 0, calls)
            roll_up(writer, now)
        (place / _NOTE).write_text(json.dumps({**asdict(course), "calls": calls}))
    if place != home:
        shutil.copy(place / DATABASE_FILE, home)
    told = json.loads((place / _NOTE).read_text())
    (home / _NOTE).unlink(missing_ok=True)
    _continue(home, Course(start_us=told["start_us"], step_us=told["step_us"]), told["calls"], now)


def _now() -> datetime:
    return datetime.now(UTC)


def _continue(home: Path, course: Course, first: int, now: datetime) -> None:
    """Add the calls from number ``first`` until now, and what they add up to."""

    def add(transaction: Transaction, bounds: tuple[int, int]) -> None:
        times = [course.time_of(number) for number in bounds]
        with corrected(transaction, "start_time >= ? and start_time < ?", times):
            _insert(transaction, course=course, bounds=bounds)

    with Writer(home / DATABASE_FILE) as writer:
        for bounds in _slices(first, course.number_at(now)):
            writer.transaction(partial(add, bounds=bounds))
        _add_days(writer, now)


def _add_days(writer: Writer, now: datetime) -> None:
    """Add up users' days, as a collector does beside storing."""
    until = now.replace(tzinfo=None)
    while writer.transaction(lambda transaction: add_next_days(transaction, until)):
        pass


def _slices(first: int, end: int) -> list[tuple[int, int]]:
    return [(low, min(low + _SLICE, end)) for low in range(first, end, _SLICE)]


def _insert(transaction: Transaction, *, course: Course, bounds: tuple[int, int]) -> None:
    transaction.execute(_FILL, [*bounds, course.start_us, course.step_us])
