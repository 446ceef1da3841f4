"""Recorded provider traffic as a measure: what was really sent, and what llmtrace makes of it.

The recordings are not part of the repository: LLMTRACE_WIRE names their folder, or they lie beside
the checkout. Nothing here is part of the product.
"""
