"""What tests, examples and the demo need to run llmtrace without a provider account.

``llmtrace.testing.provider`` is a loopback server that speaks the providers' wire formats;
the real, unmodified SDKs talk to it through ``base_url``. Nothing here is used in production.
"""
