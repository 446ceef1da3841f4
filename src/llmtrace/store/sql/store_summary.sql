-- How much is there, and how fresh is it?
--
-- Columns: calls, latest_call_at (UTC, NULL if there is none)
select
    count(*) as calls,
    max(start_time) as latest_call_at
from llm_calls
