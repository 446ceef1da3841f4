"""Erasure: what is stored of one user goes; what it cost stays, and is nobody's.

Of the user are the spans that name the id, and those of the same trace or session that name no
user, unless somebody else is in it too. They lose body, events, links, attributes, tags, and
every id but their own; tokens, money, times and models stay, so that no sum changes. Exact
mentions of the id elsewhere (tags, attributes, resources, rollups, alerts, earlier alert rules) go
as well; rules in force are told of. Free text of others is not searched. The bytes leave the file
with the next compaction.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from llmtrace import semconv
from llmtrace.errors import QueryError, StoreUnreachableError
from llmtrace.store.maintenance import audit
from llmtrace.store.maintenance.mentions import files_that_mention, kept_stores
from llmtrace.store.maintenance.rule_mentions import forget_in_rules
from llmtrace.store.maintenance.slices import ROWS, time_slices
from llmtrace.store.maintenance.workplace import read_flag, read_text
from llmtrace.store.rollups import corrected, erase_feature
from llmtrace.store.visible import short_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from llmtrace.store.maintenance.workplace import Outcome, Workplace
    from llmtrace.store.writer import Transaction

KEY_FILE: Final = "audit.key"
_HIS: Final = "(user_id = $user and ($tenant::varchar is null or tenant = $tenant))"
_THEIRS: Final = f"user_id is not null and {_HIS} is not true"
# One after the other, each with one of them in memory: a user may have a million calls.
_PREPARE: Final = f"""
    create temp table his_traces as select distinct trace_id from spans where {_HIS};
    create temp table his_sessions as
        select distinct session_id from spans where {_HIS} and session_id is not null;
    create temp table shared_traces as
        select distinct trace_id from spans where {_THEIRS} and trace_id in (from his_traces);
    create temp table shared_sessions as
        select distinct session_id from spans where {_THEIRS} and session_id in (from his_sessions);
    delete from his_traces where trace_id in (from shared_traces);
    delete from his_sessions where session_id in (from shared_sessions)
"""  # noqa: S608  # conditions of ours
_FOUND: Final = f"""
    select
        start_time, trace_id::varchar as trace_uuid, span_id as span_number,
        is_inference, cost_usd, user_id is not null as names_him
    from spans
    where
        {_HIS}
        or (user_id is null
            and (trace_id in (from his_traces) or session_id in (from his_sessions)))
"""  # noqa: S608  # conditions of ours
_TEMPORARY: Final = ("his_traces", "his_sessions", "shared_traces", "shared_sessions")
_THESE: Final = (
    "start_time >= ? and start_time <= ? and (trace_id, span_id) in "
    "(with arrived as materialized (select * from incoming) "
    "select trace_uuid::uuid, span_number from arrived)"
)
_KEYS: Final = ("start_time", "trace_uuid", "span_number")
_DELETE: Final = f"delete from {{0}} where {_THESE}"  # noqa: S608  # tables and conditions of ours
_FIGURES: Final = (semconv.SERVER_ADDRESS,)
"""Attributes that a price may depend on and that tell nothing of a person; and these prefixes."""
_FIGURE_PREFIXES: Final = (semconv.USAGE_UNITS_PREFIX, semconv.USAGE_REQUESTS_PREFIX)
_ANONYMIZE: Final = f"""
    update spans set
        user_id = null, session_id = null, tags = map(), status_message = null,
        response_id = null, request_id = null, usage_anomaly = null,
        name = case when contains(name, ?) then coalesce(operation, '') else name end,
        feature = nullif(feature, ?), agent_name = nullif(agent_name, ?),
        tool_name = nullif(tool_name, ?),
        attributes = map_concat(
            map_from_entries(list_filter(
                map_entries(attributes),
                entry -> list_contains(?::varchar[], entry.key)
                    or starts_with(entry.key, ?) or starts_with(entry.key, ?)
            )),
            map([?], ['true'])
        )
    where {_THESE}
"""  # noqa: S608  # names and conditions of ours
_WITHOUT: Final = "map_from_entries(list_filter(map_entries({0}), entry -> entry.value <> ?))"
_MENTIONED: Final = (
    "(list_contains(map_values(tags), ?) or list_contains(map_values(attributes), ?)) "
    "and (?::varchar is null or tenant = ?)"
)


def forget(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Erase ``user`` (of ``tenant``, if given) and say what still mentions the id.

    ``delete``: remove the rows themselves, with their money. ``dry_run``: only count. Raises
    QueryError without a user.
    """
    user, tenant = read_text(arguments, "user"), read_text(arguments, "tenant")
    if user is None:
        raise QueryError('give "user": the id whose calls are to be forgotten')
    is_delete = read_flag(arguments, "delete")
    place.refresh()
    found = place.writer.transaction(lambda transaction: _find(transaction, user, tenant))
    outcome: Outcome = {
        "spans": found.num_rows,
        "calls": sum(found.column("is_inference").to_pylist()),
        "cost_usd": str(sum(cost or 0 for cost in found.column("cost_usd").to_pylist())),
        "rows": "deleted" if is_delete else "anonymized",
    }
    if read_flag(arguments, "dry_run"):
        return outcome | {"dry_run": True}
    gone: dict[str, int] = {}
    # What names him comes last: by that the rest is found again, should this end in between.
    names_him = found.column("names_him")
    for these in (pc.invert(names_him), names_him):
        keys = found.filter(these).select(_KEYS)
        for first in range(0, keys.num_rows, ROWS):
            _erase(place, keys.slice(first, ROWS), user, gone, is_delete=is_delete)
    gone["mentions"] = _erase_mentions(place, user, tenant)
    place.writer.transaction(lambda transaction: erase_feature(transaction, user))
    place.fold()  # rows that came to nothing still name what they were of
    gone["alerts"] = 0 if tenant else place.writer.transaction(lambda t: _erase_alerts(t, user))
    gone["alert_rules"], in_force = place.writer.transaction(lambda t: forget_in_rules(t, user))
    subject = subject_hash(place.home, user)
    outcome |= {"erased": gone, "subject": subject}
    told = {"actor": arguments.get(audit.ACTOR), "delete": is_delete, "of_tenant": bool(tenant)}
    audit.record(place, "forget", told, outcome, subject=subject)
    return outcome | {
        "still_mentioned_in": files_that_mention(place.home, user),
        "named_by_rules_in": in_force,
        "replaced_stores": kept_stores(place.home),
    }


def subject_hash(home: Path, user: str) -> str:
    """Return a hash of an id that only who has this home's key can make again: 64 hex digits.

    Raises StoreUnreachableError if the key cannot be read or made.
    """
    path = home / KEY_FILE
    try:
        if not path.exists():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
        return hmac.new(path.read_bytes(), user.encode(), hashlib.sha256).hexdigest()
    except OSError as error:
        raise StoreUnreachableError(
            f"cannot use {path}: {error.strerror}; give this user access to it"
        ) from error


def _find(transaction: Transaction, user: str, tenant: str | None) -> pa.Table:
    """Return the keys of the user's spans, in the order of time, and what they cost."""

    def run(statement: str) -> pa.Table:
        # Each condition takes user, tenant, tenant.
        values = [user, tenant, tenant] if "$user" in statement else []
        return transaction.execute(statement.replace("$user", "?").replace("$tenant", "?"), values)

    for statement in _PREPARE.split(";"):
        run(statement)
    found = run(_FOUND)
    for name in _TEMPORARY:
        run(f"drop table temp.{name}")
    return found.sort_by("start_time")  # not there, where sorting takes twice the memory


def _erase(
    place: Workplace, keys: pa.Table, user: str, gone: dict[str, int], *, is_delete: bool
) -> None:
    """Erase some thousand spans and all of theirs in one transaction."""
    times = keys.column("start_time").to_pylist()
    bounds = [times[0], times[-1]]

    def work(transaction: Transaction) -> dict[str, int]:
        done: dict[str, int] = {}
        for table in ("payloads", "events", "links"):
            done[table] = _changed(transaction, _DELETE.format(table), bounds, keys)
        with corrected(transaction, _THESE, bounds, keys):
            if is_delete:
                done["spans"] = _changed(transaction, _DELETE.format("spans"), bounds, keys)
            else:
                values: list[object] = [user] * 4
                values += [list(_FIGURES), *_FIGURE_PREFIXES, semconv.FORGOTTEN]
                done["anonymized"] = _changed(transaction, _ANONYMIZE, [*values, *bounds], keys)
        audit.count(transaction, {f"forgotten.{name}": number for name, number in done.items()})
        return done

    for name, number in place.writer.transaction(work).items():
        gone[name] = gone.get(name, 0) + number


def _erase_mentions(place: Workplace, user: str, tenant: str | None) -> int:
    """Take out tags and attributes, of whatever span or resource, whose value is the id."""
    erased = 0
    where = [user, user, tenant, tenant]
    statement = (
        f"update spans set tags = {_WITHOUT.format('tags')}, "  # noqa: S608  # conditions of ours
        f"attributes = {_WITHOUT.format('attributes')} "
        f"where start_time >= ? and start_time < ? and {_MENTIONED}"
    )
    for each in time_slices(place.writer, "spans", where=_MENTIONED, parameters=where):
        values = [user, user, each.start, each.end, *where]
        erased += place.writer.transaction(
            lambda transaction, values=values: _changed(transaction, statement, values)
        )
    if tenant is not None:
        return erased
    return erased + place.writer.transaction(
        lambda transaction: _changed(
            transaction,
            f"update resources set attributes = {_WITHOUT.format('attributes')} "  # noqa: S608  # as above
            "where list_contains(map_values(attributes), ?)",
            [user, user],
        )
    )


def _erase_alerts(transaction: Transaction, user: str) -> int:
    """Delete alerts about the user, their history, and messages and reports that told of them."""
    about = "list_contains(map_values(labels), ?)"
    episodes = (
        "select episode from alert_instances where " + about + " union "  # noqa: S608  # as above
        "select episode from alert_history where " + about
    )
    outbox = f"delete from alert_outbox where episode in ({episodes})"  # noqa: S608  # as above
    erased = _changed(transaction, outbox, [user, user])
    # A report is about many; it names the user as one of its texts.
    named = json.dumps(short_name(user), ensure_ascii=False)
    reports = "delete from alert_outbox where kind = 'report' and contains(payload, ?)"
    erased += _changed(transaction, reports, [named])
    for table in ("alert_instances", "alert_history"):
        erased += _changed(transaction, f"delete from {table} where {about}", [user])  # noqa: S608  # as above
    return erased


def _changed(
    transaction: Transaction,
    statement: str,
    parameters: Sequence[object],
    keys: pa.Table | None = None,
) -> int:
    (found,) = transaction.execute(statement, parameters, incoming=keys).to_pylist()
    return found["Count"]
