-- From when to when do the spans start whose ids lie in a range of numbers?
--
-- $1  first, $2  last   span ids, decimal digits, both inclusive
--
-- One row. Columns: first, last (UTC; NULL if there is none)
select
    min(start_time) as first,
    max(start_time) as last
from spans
where span_id between $1::ubigint and $2::ubigint
