-- Which alert rules are in force? No row if none ever were.
--
-- Columns: loaded_at (UTC), digest (hex digits), document (see llmtrace.alerts.record; NULL: a
-- collector was started without rules)
select
    loaded_at,
    digest,
    document
from alert_rules
order by loaded_at desc, rowid desc
limit 1
