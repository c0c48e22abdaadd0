"""A user's own parts of the framework: expressions of ``trainyard.spec.language`` with names.

``model.py`` is how they are written, ``layers.py``, ``losses.py`` … make components of them, and
``types.py`` gathers those of one job.
"""
