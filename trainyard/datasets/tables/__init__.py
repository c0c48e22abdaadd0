"""Tables: rows of CSV or Parquet files become samples, windows of series, or pictures.

``delimited`` and ``parquet`` read files as batches of columns, ``survey`` looks at all of them
once, ``roles`` settles what each column is for, ``stored`` keeps the columns that are needed on
disk, and ``tabular``, ``series`` and ``parquet_pictures`` make a dataset's contents of them.
pyarrow is imported by these modules only, and these by a format only when it reads, so that
processes that merely know the formats never load it.

pyarrow and not polars, as it streams from any file object in bounded memory, hands over the rows
that have too many fields, and reads the metadata that Hugging Face's libraries write.
"""

from __future__ import annotations

import os

# Arrow's own allocator reserves a GiB of addresses at once, which would count against the memory
# that a scanner may use. Arrow reads this once, when it is first imported, which is after this.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
