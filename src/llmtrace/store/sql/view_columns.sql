-- Which columns do views and tables have, and of what type?
--
-- Parameters: names (VARCHAR[])
-- Columns: relation, name, type; in the order in which each relation has them
select
    table_name as relation,
    column_name as name,
    data_type as type
from duckdb_columns()
where schema_name = 'main' and not internal and list_contains(?, table_name)
order by table_name, column_index
