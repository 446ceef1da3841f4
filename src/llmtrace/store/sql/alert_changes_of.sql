-- What became of one alert? The newest change first.
--
-- $1  key    16 hex digits
-- $2  limit  rows
--
-- Columns: those of alert_history; labels and summary are untrusted text
select *
from alert_history
where key = $1
order by tick desc, recorded_at desc
limit $2::bigint
