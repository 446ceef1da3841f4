-- What was said in one span?
--
-- $1  trace id, 32 hex digits
-- $2  span id, decimal digits
-- $3  when it started, UTC timestamp: what lies elsewhere in time is not looked at
--
-- One row, or none if nothing was captured or all of it is deleted. Columns: the bodies, JSON texts
-- or NULL, redacted and truncated. Not a join with the span: DuckDB would make room for two
-- thousand rows of every column of both, three times, which takes longer than to find the row.
select
    request_body,
    response_body,
    input_messages,
    output_messages,
    system_instructions,
    tool_definitions,
    usage_raw,
    redacted,
    truncated
from payloads
where
    start_time = $3::timestamp
    and trace_id = $1::uuid
    and span_id = $2::ubigint
limit 1
