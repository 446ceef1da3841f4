-- Schema 2: what the alert engine remembers. A change of state, its history and its outgoing
-- messages are written in one transaction. Times are UTC; ticks are ends of evaluation windows.

-- How far each rule is evaluated; after downtime it goes on from here.
create table alert_progress (
    rule_id   varchar not null,
    last_tick timestamp not null
);

-- Alerts that are pending or firing. What is not here is inactive.
create table alert_instances (
    key        varchar not null,
    rule_id    varchar not null,
    title      varchar not null,
    severity   varchar not null,
    labels     map(varchar, varchar) not null,
    period     varchar,
    state      varchar not null,
    since      timestamp not null,
    fired_at   timestamp,
    calm_since timestamp,
    value      decimal(38, 12),
    threshold  decimal(38, 12) not null,
    last_tick  timestamp not null,
    episode    varchar not null,
    summary    varchar not null
);

-- Every change of every alert. is_late: found out after downtime, not when it happened.
create table alert_history (
    tick        timestamp not null,
    recorded_at timestamp not null,
    rule_id     varchar not null,
    key         varchar not null,
    episode     varchar not null,
    kind        varchar not null,
    reason      varchar not null,
    severity    varchar not null,
    labels      map(varchar, varchar) not null,
    value       decimal(38, 12),
    threshold   decimal(38, 12) not null,
    summary     varchar not null,
    is_late     boolean not null
);

-- Messages: waiting | sent | dead (given up) | superseded (a later one says it all) |
-- unconfigured (the receiver's secret is not set; kept, and sent once it is).
create table alert_outbox (
    delivery_id     varchar not null,
    created_at      timestamp not null,
    receiver        varchar not null,
    episode         varchar not null,
    kind            varchar not null,
    payload         varchar not null,
    status          varchar not null,
    attempts        integer not null,
    next_attempt_at timestamp not null,
    finished_at     timestamp,
    last_error      varchar
);
