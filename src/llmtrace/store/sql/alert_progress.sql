-- Up to when is each alert rule evaluated?
--
-- Columns: rule_id, last_tick (UTC)
select
    rule_id,
    last_tick
from alert_progress
order by rule_id
