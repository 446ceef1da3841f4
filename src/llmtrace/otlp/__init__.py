"""The OTLP half: bytes ⇄ plain spans ⇄ rows. Light: no DuckDB, no pyarrow.

But for ``imports.parquet_rows``, which is loaded for a Parquet file to import.
"""
