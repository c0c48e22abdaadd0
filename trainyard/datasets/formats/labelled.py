"""Pictures with a sheet: ``labels.csv``, ``metadata.jsonl`` or the like beside pictures.

One column names the files; others hold a class, labels or numbers, the split and the group. A
sheet's own name may say the split (``train.csv``), and so may its folder (``train/metadata.csv``),
or else the folders of the files (``train/1.png``). Columns are found by what is in them;
``options.target`` and ``group`` say what that leaves open.
"""

from __future__ import annotations

from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.kinds import PICTURE_KIND
from trainyard.datasets.picture_files import PICTURES, looks_like_picture
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sheet_files import describing_sheets
from trainyard.datasets.with_sheet import FOLLOWS, by_sheet

name = "labelled"
expects = (
    f"an archive of {PICTURES} with a sheet (labels.csv, metadata.jsonl, …) of which one column "
    "names the files"
)
follows = FOLLOWS | {"picture_size", "resize", "grey_window"}


def sniff(upload: Upload) -> bool:
    """A sheet beside files like pictures, of which a column names some."""
    return any(map(looks_like_picture, data_members(upload))) and bool(describing_sheets(upload))


def inspect(upload: Upload) -> Contents:
    """As ``with_sheet`` does."""
    return by_sheet(describing_sheets(upload), PICTURE_KIND, upload)
