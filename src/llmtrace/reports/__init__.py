"""Reports: what a time cost, on what, and whether that is usual.

Facts (``facts``, from the metric layer) → words (``document``) → a format (``markdown``, ``html``,
``pdf``; Slack's is ``alerts.notify.report_blocks``). ``focus`` is the showback table. No SQL.
"""
