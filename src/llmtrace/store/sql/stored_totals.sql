-- How much is stored, since when, until when, and in which schema?
--
-- Columns: spans, llm_calls, first_span_at, latest_stored_at (UTC; NULL: there is none), bodies,
-- schema (number of the latest migration)
select
    count(*) as spans,
    count(*) filter (where is_inference) as llm_calls,
    min(start_time) as first_span_at,
    max(ingested_at) as latest_stored_at,
    (select count(*) from payloads) as bodies,
    (select value::integer from _meta where key = 'schema_version') as schema
from spans
