"""Limits on the size of a mission file and its parts, each checked before it can do harm."""

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of the file. A mission of 100,000 elaborate steps takes about 32 MB."""

MAX_DEPTH_LEVELS = 64
"""Nesting of lists and mappings."""

MAX_NODES = 4_000_000
"""Values in a file; those that aliases repeat count each time."""

MAX_ALIAS_NODES = 100_000
"""Values that aliases repeat, in a whole file."""

MAX_SCALAR_CHARACTERS = 1024 * 1024
"""Characters of one text."""

MAX_INTEGER = 2**63 - 1

MAX_STEPS = 200_000
MAX_NAME_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 10_000
MAX_PARALLEL_ATTEMPTS = 1024
"""Highest value of `parallel_limit` and `max_parallel`."""

MAX_ATTEMPTS = 1000
MAX_DIAGNOSTICS = 200
"""Diagnostics reported for one file; further ones are only counted."""
