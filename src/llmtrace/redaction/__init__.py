"""Takes secrets and personal data out of text, in the app and again in the collector.

Light and pure; knows neither spans nor rows.
"""
