"""A closed language of tensor expressions: text → checked tree → program → torch calls.

Nothing of a text is ever run as Python: ``parser.py`` makes our own tree of it, ``lowering.py``
finds shapes and leaves a flat list of calls of the table in ``functions/``, and ``running.py``
makes those calls. All but the last is pure Python; torch is imported there, when it is built.
"""
