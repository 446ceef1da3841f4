-- Which messages told of one firing of an alert, and what became of them? The oldest first.
--
-- $1  episode
-- $2  limit    rows
--
-- Columns: those of alert_outbox; payload is JSON that holds untrusted text
select *
from alert_outbox
where episode = $1
order by created_at, delivery_id
limit $2::bigint
