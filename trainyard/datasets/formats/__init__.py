"""The registry of formats: the first that recognises an upload reads it.

A new format is one module beside this one, with the names of ``format.Format``, and one line
here; those of plugins come after them, so that they never change what is read already.
"""

from __future__ import annotations

from trainyard.datasets.format import Format
from trainyard.datasets.formats import canonical_zip, folders, idx, npz

FORMATS: list[Format] = [canonical_zip, npz, idx, folders]
