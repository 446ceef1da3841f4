"""Tests of what llmtrace ships for tests."""
