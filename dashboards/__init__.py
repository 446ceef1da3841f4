"""Streamlit pages. They hold no SQL and no arithmetic on money; they read through ``data``."""
