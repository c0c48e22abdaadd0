"""Class folders: an archive of pictures in one folder a class, perhaps under train/ val/ test/."""

from __future__ import annotations

from trainyard.datasets.class_folders import by_folder
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.kinds import PICTURE_KIND
from trainyard.datasets.picture_files import PICTURES, facts_of, looks_like_picture
from trainyard.datasets.pictures import PictureFacts
from trainyard.datasets.rubbish import data_members

name = "folders"
expects = (
    f"an archive of {PICTURES} in one folder a class, with or without train/, val/ and test/ above"
)
follows = frozenset({"picture_size", "resize", "grey_window"})

MAX_SNIFFED = 64


def sniff(upload: Upload) -> bool:
    """Pictures in folders, by their names or else by the first few files' content."""
    members = data_members(upload)
    if any(map(looks_like_picture, members)):
        return True
    return any(isinstance(facts_of(upload, m), PictureFacts) for m in members[:MAX_SNIFFED])


def inspect(upload: Upload) -> Contents:
    """Places every picture, reads all headers, and settles on one form."""
    return by_folder(PICTURE_KIND, expects, upload)
