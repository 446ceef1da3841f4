-- What was lost by apps, refused, repaired or found damaged, since the store was made?
--
-- Columns: name (``lost.<reason>`` by apps, ``rejected.…``, ``limited.…``, ``repaired.…``, …), total
select
    name,
    total
from _counts
where total > 0
order by name
