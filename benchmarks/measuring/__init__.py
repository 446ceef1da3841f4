"""Parts of the benchmarks that are no scripts of their own."""
