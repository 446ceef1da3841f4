"""Are the hourly rollups what the spans say; and building them anew where not.

They are kept true by every transaction that changes a call, so that nothing should ever be found.
Hours whose spans retention has deleted cannot be held against anything, and are never rebuilt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace.store.maintenance import audit
from llmtrace.store.maintenance.workplace import read_flag
from llmtrace.store.rollups import differences, rebuild
from llmtrace.store.spans_since import spans_since

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.store.maintenance.workplace import Outcome, Workplace

_SUMMARY: Final = """
    select
        count(distinct hour) as hours,
        coalesce(sum(call_count), 0)::bigint as calls,
        coalesce(sum(cost_usd), 0)::varchar as cost_usd,
        count(*) as rows,
        (select count(*) from rollup_latency) as latency_rows
    from rollup_calls
"""


def check_rollups(place: Workplace, arguments: Mapping[str, object]) -> Outcome:
    """Say what the rollups hold and how many of their rows are wrong.

    ``rebuild``: build them from the spans first, in one transaction.
    """
    place.refresh()
    is_rebuilt = read_flag(arguments, "rebuild")
    if is_rebuilt:
        place.writer.transaction(rebuild)
    with place.writer.snapshot() as store:
        (outcome,) = store.execute(_SUMMARY).to_pylist()
        since = spans_since(store)
        outcome |= {
            "wrong_rows": differences(store),
            "spans_since": None if since is None else since.isoformat() + "Z",
        }
    if is_rebuilt:
        audit.record(place, "rollups", arguments, outcome)
    return outcome
