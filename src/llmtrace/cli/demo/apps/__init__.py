"""Little programs such as people write, run by ``llmtrace demo`` as processes of their own.

Each is an ordinary app on the real SDKs; what makes it observed is the one line
``llmtrace.instrument()``. ``ledger`` notes what the SDK told the app, independently of llmtrace, so
that the demo can check the store against it.
"""
