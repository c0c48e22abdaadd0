"""Imports the engine before a test module imports torch; see ``worker/training/__init__.py``."""

import worker.training  # noqa: F401
