"""What our own questions call a column is what the view calls so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.store.call_columns import COMPUTED, STORED, listed
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from llmtrace.store import Writer


def test_each_has_the_value_it_has_in_the_view(store: Writer) -> None:
    store.insert(
        [
            call(response_model="answered", request_model="asked", ttfc_ns=7_000_000),
            call(response_model=None, request_model="asked", cost_usd=None),
            failed(input_tokens=None, output_tokens=None, cost_usd=None),
            failed(cost_usd=None),
        ]
    )
    names = [*(name for name in STORED if not name.endswith("_ns")), *COMPUTED]
    shown = ", ".join(names)
    ours = f"select {shown} from (select {listed(names)} from spans where is_inference)"  # noqa: S608  # names of ours
    theirs = f"select {shown} from llm_calls"  # noqa: S608  # names of ours
    differing = f"({ours} except all {theirs}) union all ({theirs} except all {ours})"

    assert store.sql(ours).num_rows == 4
    assert store.sql(differing).num_rows == 0


def test_only_what_is_named_is_asked_for() -> None:
    assert listed(["sum(cost_usd)", "model"]) == (
        "start_time, cost_usd, coalesce(response_model, request_model) as model"
    )
    assert listed([]) == "start_time"
