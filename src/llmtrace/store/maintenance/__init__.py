"""What changes or copies a store as a whole: one concept a module, each a function of a workplace.

They run where the store is open: in the collector, or in a command that opened the file itself
(``store.admin`` finds out which). Arguments and outcomes are JSON, so that both are the same.
"""

from __future__ import annotations
