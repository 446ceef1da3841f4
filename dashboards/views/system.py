"""System: is everything taken in and kept, how late, how much is there, and who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data
from dashboards import data_system as system
from dashboards.components import format as fmt
from dashboards.components.cards import choosing_card
from dashboards.components.chart import chart
from dashboards.components.grid import grid
from dashboards.components.refresh import refresh_bar
from dashboards.components.states import live, page
from dashboards.components.trends import lines, stacked, table
from dashboards.components.upkeep import local_moment, upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCES: Final = {
    "http": "OTLP/HTTP",
    "grpc": "OTLP/gRPC",
    "spool": "Spool of apps on this machine",
    "earlier_log": "Left by an earlier collector",
}
_DROPPED: Final = {
    "no_valid_id": "Without a valid id; the sender was told",
    "dead_letter": "In dead letters",
}
_SPANS: Final[dict[system.Span, str]] = {"hour": "Last hour", "day": "Last day"}
_LOW: Final = 0.05
_LONG_S: Final = 7_200
_VERY_LONG_S: Final = 172_800


def render() -> None:
    """Show the page."""
    system.require_all_tenants()
    st.title("System", anchor=False)
    shown = refresh_bar()
    live(shown, _ingest)
    live(shown, _on_disk)
    live(shown, upkeep)
    left, right = st.columns([4, 7], gap="small")
    with left:
        _versions()
    with right:
        _settings()


def _ingest(shown: data.View) -> None:
    collector = system.collector()
    _cards(shown, collector)
    left, right = st.columns([5, 6], gap="small")
    with left:
        _ledger(shown, collector)
    with right:
        _course(shown)


def _cards(shown: data.View, collector: system.Collector | None) -> None:
    hour, totals = system.course("hour", shown.zone), system.totals()
    letters = sum(each.files for each in system.dead_letters())
    runs = collector is not None
    waiting = fmt.byte_size(collector.waiting_bytes) if collector else fmt.NONE
    dropped = fmt.count(sum(collector.dropped.values())) if collector else fmt.NONE
    with st.grid(6, min_column_width=165):
        _card("Stored a second", f"{system.rate_per_s():,.1f}", "last 5 minutes",
              "Spans stored in the last five minutes ÷ 300.")  # fmt: skip
        _card("Lag, 95th percentile", _seconds(hour.lag_p95_s), "last hour",
              "From a span's end until it is stored, of spans stored in the last hour. What is "
              "imported later counts with its age.")  # fmt: skip
        _card("Waiting", waiting, "to be stored" if runs else "no collector runs",
              "Bytes on the disk that are not in the store yet. Without a collector, they are "
              "taken in when somebody looks.")  # fmt: skip
        _card("Dropped", dropped, "since it began" if runs else "no collector runs",
              "Spans received and not stored since the collector began.")  # fmt: skip
        _card("Dead letters", fmt.count(letters), "requests",
              "Requests that could not be read or stored and lie aside.")  # fmt: skip
        _card("Spans stored", fmt.short_count(totals["spans"]),
              f"{fmt.short_count(totals['llm_calls'])} calls",
              f"{totals['spans']:,} spans, {totals['llm_calls']:,} of them calls.")  # fmt: skip


def _card(label: str, value: str, remark: str, about: str) -> None:
    st.metric(label, value, remark, delta_color="off", delta_arrow="off", help=about, border=True)


def _ledger(shown: data.View, collector: system.Collector | None) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("Where every span went", anchor=False)
        if collector is None:
            st.badge("No collector runs", icon=":material/power_off:", color="orange")
            st.text(
                f"This page reads the {fmt.one_line(system.where(), 300)}, opened anew for each "
                "question; what apps wrote to the spool is taken in then. Nothing is received over "
                "the network, and what became of each span is not counted."
            )
            st.code("llmtrace up", language=None)
            return
        _health(shown, collector)
        received = sum(collector.received.values())
        lines: list[tuple[str, int]] = [
            *((f"Received: {_SOURCES.get(name, name)}", count)
              for name, count in collector.received.items() if count),
            ("Received", received),
            ("Stored", collector.stored),
            ("There already", collector.duplicates),
            *((f"Dropped: {_DROPPED.get(name, name)}", count)
              for name, count in collector.dropped.items()),
            ("On their way", collector.unsettled),
        ]  # fmt: skip
        grid(
            {
                "Spans": [fmt.one_line(name, 80) for name, _ in lines],
                "Since it began": [fmt.count(count) for _, count in lines],
            },
            names=["Spans"],
            alt="Where every span went since the collector began",
            key="ledger",
        )
        refused = sum(collector.refused.values())
        st.caption(
            "Received = stored + there already + dropped + on their way."
            + (f" {fmt.plural(refused, 'request')} refused; their senders have them still."
               if refused else "")
        )  # fmt: skip


def _health(shown: data.View, collector: system.Collector) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if collector.problem is not None:
            st.badge("Spans wait to be stored", icon=":material/error:", color="red")
        elif collector.is_disk_low:
            st.badge("Disk too full, nothing is taken", icon=":material/error:", color="red")
        else:
            st.badge("Collector runs", icon=":material/check_circle:", color="green")
        told = f"{collector.url}, process {collector.pid}, version {collector.version}"
        told += f", prices of {collector.price_version}"
        if collector.started_at is not None:
            told += f", since {local_moment(shown, collector.started_at)}"
        st.text(told)
    if collector.problem is not None:
        st.text(fmt.plain(collector.problem, 500))


def _course(shown: data.View) -> None:
    with choosing_card("Arrivals", "How long", _SPANS, key="system-course", stretch=True) as span:
        found = system.course(span, shown.zone)
        if not found.spans:
            st.badge(f"Nothing was stored in the {_SPANS[span].lower()}", color="gray")
            return
        st.text(
            f"{fmt.plural(found.spans, 'span')} stored; lag {_seconds(found.lag_p50_s)} in the "
            f"middle, {_seconds(found.lag_p95_s)} at the 95th percentile"
            + (f"; {fmt.plural(found.ahead, 'span')} stored before their end: a clock is wrong"
               if found.ahead else "")
        )  # fmt: skip
        chart(shown, stacked(found.stored, [system.SPANS], grain=found.grain, edges=found.edges,
                             show=fmt.count) | {"height": 165},
              table(found.stored, [system.SPANS], fmt.count), key="arrivals",
              alt=f"Spans stored by {found.grain}")  # fmt: skip
        names = [system.MEDIAN, system.P95]
        chart(shown, lines(found.lags, names, grain=found.grain, edges=found.edges, show=_seconds,
                           unit=" s") | {"height": 165},
              table(found.lags, names, _seconds), key="lags",
              alt=f"Lag from a span's end until it is stored, by {found.grain}")  # fmt: skip


def _on_disk(_: data.View) -> None:
    left, right = st.columns([6, 5], gap="small")
    taken, disk = system.taken(), system.disk()
    with left, st.container(border=True, height="stretch"):
        st.subheader("On the disk", anchor=False)
        grid(
            {
                "What": [each.name for each in taken],
                "Size": [fmt.byte_size(each.size_bytes) for each in taken],
                "Files": [fmt.count(each.files) for each in taken],
                "About": [each.about for each in taken],
            },
            names=["What", "About"],
            alt="What lies on the disk",
            key="disk",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if disk.free_bytes < disk.total_bytes * _LOW:
                st.badge("Little is free", icon=":material/warning:", color="orange")
            st.text(
                f"{fmt.byte_size(disk.free_bytes)} of {fmt.byte_size(disk.total_bytes)} free on "
                f"the disk of {fmt.one_line(data.home(), 200)}"
            )
    with right, st.container(border=True, height="stretch"):
        st.subheader("Dead letters and forwarding", anchor=False)
        _letters()
        _forwarding(system.collector())


def _letters() -> None:
    found = system.dead_letters()
    if not found:
        st.badge("No dead letter", icon=":material/check_circle:", color="green")
        return
    grid(
        {
            "Requests": [fmt.count(each.files) for each in found],
            "Bytes": [fmt.count(each.size_bytes) for each in found],
            "Put aside because": [fmt.one_line(each.reason, 160) for each in found],
        },
        names=["Put aside because"],
        alt="Dead letters by reason",
        key="letters",
    )
    st.code("llmtrace deadletter list\nllmtrace deadletter retry --all", language=None)


def _forwarding(collector: system.Collector | None) -> None:
    targets: dict[str, dict[str, Any]] = dict(collector.forward) if collector else {
        name: {"waiting_bytes": size} for name, size in system.forward_waiting().items()
    }  # fmt: skip
    if not targets:
        st.text("Nothing is sent on to other backends.")
        return
    rows = list(targets.values())
    grid(
        {
            "Sent on to": [fmt.one_line(name, 60) for name in targets],
            "State": [_state(row, is_running=collector is not None) for row in rows],
            "Spans sent": [fmt.count(row.get("forwarded")) for row in rows],
            "Dropped": [fmt.count(sum(row.get("dropped", {}).values())) if "dropped" in row
                        else fmt.NONE for row in rows],
            "Waiting": [fmt.byte_size(row["waiting_bytes"]) for row in rows],
            "Oldest": [_seconds(row.get("lag_s")) for row in rows],
        },
        names=["Sent on to", "State"],
        alt="Backends that spans are sent on to",
        key="forwarding",
    )  # fmt: skip


def _state(row: Mapping[str, Any], *, is_running: bool) -> str:
    if not is_running:
        return "waits for a collector"
    return "works" if row.get("error") is None else fmt.one_line(row["error"], 120)


def _versions() -> None:
    found = system.versions()
    with st.container(border=True, height="stretch"):
        st.subheader("Versions", anchor=False)
        grid(
            {"Of": list(found), "Version": list(found.values())},
            names=["Of", "Version"],
            alt="Versions",
            key="versions",
        )


def _settings() -> None:
    rows = system.settings()
    with st.container(border=True, height="stretch"):
        st.subheader("Settings in force", anchor=False)
        grid(
            {
                "Setting": [row.name for row in rows],
                "Value": [fmt.one_line(row.value, 160) for row in rows],
                "": ["" if row.is_default else "changed" for row in rows],
                "Variable": [row.variable for row in rows],
            },
            names=["Setting", "Value", "", "Variable"],
            alt="Settings in force",
            key="settings",
            height=330,
        )
        st.caption("Of the process that serves this page. Of a secret, only that it is set.")


def _seconds(value: float | None) -> str:
    """Return seconds in the unit that reads best; what is imported may be months late."""
    if value is None or value < _LONG_S:
        return fmt.duration(None if value is None else value * 1_000)
    return f"{value / 3_600:,.1f} h" if value < _VERY_LONG_S else f"{value / 86_400:,.1f} d"


page(render, needs_calls=False)
