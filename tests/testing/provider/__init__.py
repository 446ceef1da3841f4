"""Tests of the local provider, most of them through the real SDKs."""
