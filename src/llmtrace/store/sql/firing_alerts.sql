-- Which alerts are firing? The most severe and the newest first.
--
-- Columns: episode (of the firing), rule_id, title, severity ('critical' | 'warning' | 'info'), summary, fired_at (UTC)
select
    episode,
    rule_id,
    title,
    severity,
    summary,
    fired_at
from alert_instances
where state = 'firing'
order by list_position(['critical', 'warning', 'info'], severity), fired_at desc
limit 20
