"""The OTLP half: bytes ⇄ plain spans ⇄ rows. Light: no DuckDB, no pyarrow."""
