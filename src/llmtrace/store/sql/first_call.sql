-- Since when are there calls?
--
-- Columns: first_call_at (UTC, NULL if there is none)
select min(start_time) as first_call_at
from llm_calls
