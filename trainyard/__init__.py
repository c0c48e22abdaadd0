"""What the API and the workers both understand: the spec language, datasets, the store.

Imports neither ``api`` nor ``worker``.
"""

__version__ = "0.1.0"
