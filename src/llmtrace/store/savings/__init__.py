"""What could be saved, as bounds that hold: pure engines over rows of bounded, named queries.

``repeats``: the same request answered again. ``prefixes``: beginnings of prompts that a provider's
cache would have served (``minimums`` has how long they must be). ``groups`` holds calls against
other prices: batch, and other sizes of the same model. ``limits``: output limits far above what is
used. ``lengths``: features whose prompts stand out. What nobody can know is not guessed: a figure
has a lower and an upper bound, or a reason why it cannot be said.
"""
