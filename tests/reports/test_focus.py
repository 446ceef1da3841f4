"""The showback table: FOCUS columns, sums of plain SQL, nothing unpriced as 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.reports.focus import COLUMNS, Showback, showback
from llmtrace.reports.spans import Span, last_whole
from llmtrace.store import DATABASE_FILE, Writer
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# https://focus.finops.org/focus-specification/v1-2/: feature level "Mandatory".
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory",
    "ServiceName",
}  # fmt: skip
MAY_BE_NULL = {"BillingAccountName", "ChargeClass"}
DAY = timedelta(days=1)
MONTH = last_whole("month", NOON + 20 * DAY, "UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert(
            [
                call(NOON, tenant="acme", cost_usd=Decimal("0.000000000001")),
                call(NOON, tenant="acme", cost_usd=Decimal("0.25")),
                call(NOON, tenant="acme", cost_usd=None),
                call(NOON, tenant="acme", request_model="in-house", cost_usd=None),
                call(NOON - DAY, tenant="acme", cost_usd=Decimal("0.5")),
                call(NOON, tenant="globex", operation="embeddings", cost_usd=Decimal(2)),
                call(NOON, cost_usd=Decimal(3), provider=None, request_model=None),
                failed(NOON, tenant="globex"),
                call(NOON - 40 * DAY, cost_usd=Decimal(100)),
            ]
        )
        yield writer


def told(found: Showback) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.rows]


def test_every_mandatory_column_is_there_and_what_may_not_be_null_is_not(store: Writer) -> None:
    rows = told(showback(store, MONTH))

    assert set(COLUMNS) >= MANDATORY
    assert all(name.startswith("x_") for name in COLUMNS[27:])
    assert not [(n, r) for r in rows for n in MANDATORY - MAY_BE_NULL if r[n] is None]


def test_the_rows_are_those_of_plain_sql_and_add_up_to_the_cost_of_the_month(
    store: Writer,
) -> None:
    rows = told(showback(store, MONTH))

    expected = store.sql(
        """
        select tenant, date_trunc('day', start_time) as day, sum(cost_usd) as cost,
            count(*) as calls, sum(input_tokens) + sum(output_tokens) as tokens
        from llm_calls
        where start_time >= ? and start_time < ? and model is distinct from 'in-house'
        group by tenant, day, provider, model, service, operation having sum(cost_usd) is not null
        """,
        [MONTH.start, MONTH.end],
    ).to_pylist()
    found = {
        (row["SubAccountId"], row["ChargePeriodStart"], row["BilledCost"],
         row["PricingQuantity"], row["ConsumedQuantity"])
        for row in rows
    }  # fmt: skip
    assert found == {
        (row["tenant"], f"{row['day']:%Y-%m-%dT%H:%M:%SZ}", row["cost"], row["calls"],
         row["tokens"])
        for row in expected
    }  # fmt: skip
    assert len(found) == len(rows)
    assert sum(row["BilledCost"] for row in rows) == Decimal("5.750000000001")


def test_what_has_no_price_is_counted_and_in_no_row_at_0(store: Writer) -> None:
    found = showback(store, MONTH)

    rows = told(found)
    assert (found.unpriced, found.left_out) == (2, 1)
    assert sum(row["x_UnpricedRequests"] for row in rows) == 1
    assert all(row["BilledCost"] for row in rows)
    assert "in-house" not in {row["ServiceName"] for row in rows}


def test_charge_and_billing_periods_are_days_and_months(store: Writer) -> None:
    row = told(showback(store, MONTH))[0]

    times = [
        row[f"{name}Period{end}"] for name in ("Billing", "Charge") for end in ("Start", "End")
    ]
    assert times == [
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
        "2026-11-17T00:00:00Z",
        "2026-11-18T00:00:00Z",
    ]


def test_days_of_a_time_zone_are_told_in_utc(store: Writer) -> None:
    month = last_whole("month", NOON + 20 * DAY, "Asia/Kolkata")

    row = told(showback(store, month))[0]

    assert row["BillingPeriodStart"] == "2026-10-31T18:30:00Z"
    assert row["ChargePeriodStart"] == "2026-11-16T18:30:00Z"


def test_a_range_within_a_day_is_a_charge_period_of_its_own_length(store: Writer) -> None:
    span = Span(start=NOON - timedelta(hours=1), end=datetime(2026, 11, 18, 13, tzinfo=UTC))

    rows = told(showback(store, span))

    assert {(row["ChargePeriodStart"], row["ChargePeriodEnd"]) for row in rows} == {
        ("2026-11-18T11:00:00Z", "2026-11-18T13:00:00Z")
    }
