"""COCO's annotation files: which there are, of which split, and which picture each entry means."""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.coco_masks import Region
from trainyard.datasets.format import Upload
from trainyard.datasets.json_stream import BEGIN, list_items
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import is_rubbish
from trainyard.datasets.split_words import split_of_folders

SNIFFED_BYTES = 64 * 1024
MAX_SNIFFED = 64
SPOOL = "coco-{}.json"
MAX_JSON_BYTES = 2 * 1024**3  # COCO's own has 450 MB, that of LVIS 1.1 GB
MAX_IMAGES = 1_000_000  # of one file: 300 bytes of memory each
MAX_ANNOTATIONS = 5_000_000  # of one file: 41 bytes of memory each
MAX_CATEGORIES = 10_000
KEYS = re.compile(rb'"(?:images|annotations|categories)"\s*:\s*\[')
LISTS = ("images", "annotations", "categories")


class ImageEntry(NamedTuple):
    """An entry of ``images`` as it is written; ``size`` is (H, W)."""

    key: Any
    file_name: Any
    size: tuple[Any, Any]


class Annotations:
    """One annotation file: its images, its categories, and what was drawn of each image.

    Segmentations wait in a file of the work folder; here is where each of them begins.
    """

    def __init__(self, spool: Path) -> None:
        self.images: list[ImageEntry] = []
        self.categories: list[dict[str, Any]] = []
        self.used: Counter[Any] = Counter()  # annotations by the id of their category
        self.num_boxes = self.num_lost = self.num_crowds = 0
        self.spool = spool
        self._places: dict[Any, int] = {}
        self._category_ids: dict[Any, int] = {}
        self._image, self._category, self._crowd = array("q"), array("q"), array("b")
        self._area, self._start = array("d"), array("q", [0])

    def add_image(self, entry: dict[str, Any]) -> None:
        size = (entry.get("height"), entry.get("width"))
        image = ImageEntry(_hashable(entry.get("id")), entry.get("file_name"), size)
        self._places.setdefault(image.key, len(self.images))
        self.images.append(image)

    def add(self, entry: dict[str, Any], spool: Any) -> None:
        """Takes an annotation whose image is known; ``spool`` is the open file."""
        category = _hashable(entry.get("category_id"))
        self.used[category] += 1
        place = self._places.get(_hashable(entry.get("image_id")))
        if not entry.get("segmentation"):
            self.num_boxes += 1
            return
        if place is None:
            self.num_lost += 1
            return
        is_crowd = bool(entry.get("iscrowd"))
        self._image.append(place)
        self._category.append(self._category_ids.setdefault(category, len(self._category_ids)))
        self._area.append(_number(entry.get("area")))
        self._crowd.append(is_crowd)
        self.num_crowds += is_crowd
        self._start.append(
            self._start[-1] + spool.write(json.dumps(entry["segmentation"]).encode())
        )

    def sizes(self) -> list[tuple[str, int, int]]:
        """What is held, how many of it, and how many at most."""
        return [
            ("images", len(self.images), MAX_IMAGES),
            ("categories", len(self.categories), MAX_CATEGORIES),
            ("categories of annotations", len(self.used), MAX_CATEGORIES),
            ("annotations", len(self._image), MAX_ANNOTATIONS),
        ]

    def __len__(self) -> int:
        return len(self._image)

    def by_image(self) -> list[list[int]]:
        """The numbers of the annotations of each image, as they are drawn one over the other.

        Crowds lie at the bottom, then the others from the largest to the smallest, so that what
        lies on something stays visible.
        """
        image = np.array(self._image, np.int64)
        is_crowd, area = np.array(self._crowd, np.bool_), np.array(self._area, np.float64)
        order = np.lexsort((-area, ~is_crowd, image))
        counts = np.bincount(image, minlength=len(self.images))
        return [part.tolist() for part in np.split(order, np.cumsum(counts)[:-1])]

    def regions(self, numbers: list[int], classes: dict[Any, int]) -> Iterator[Region]:
        """These annotations, read one at a time; ``classes`` by category's id."""
        ids = list(self._category_ids)
        with self.spool.open("rb") as file:
            for number in numbers:
                start, end = self._start[number], self._start[number + 1]
                file.seek(start)
                segmentation = json.loads(file.read(end - start))
                yield Region(classes[ids[self._category[number]]], segmentation)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0


def _hashable(key: Any) -> Any:
    return key if type(key) in (int, str) else None


def annotation_files(upload: Upload) -> list[Member]:
    """The JSON files that begin as annotations do."""
    found = [
        m
        for m in upload.archive.members
        if m.path.suffix.lower() == ".json" and not is_rubbish(m.path.with_suffix(".data"))
    ]
    return [m for m in found[:MAX_SNIFFED] if KEYS.search(_start(upload, m))]


def _start(upload: Upload, member: Member) -> bytes:
    with upload.archive.stream(member) as stream:
        return stream.read(SNIFFED_BYTES)


def split_of(path: PurePosixPath) -> SplitName:
    """By a word of the file's name, or else of its folders; train without one.

    >>> split_of(PurePosixPath("annotations/instances_val2017.json"))
    'val'
    """
    return split_of_folders((*path.parent.parts, path.stem)) or "train"


def read_annotations(upload: Upload, member: Member) -> Annotations | None:
    """The annotations of a file; None, which is told, where there are no segmentations.

    The file is read element by element, a second time where annotations stand before the images.
    """
    if member.size_bytes > MAX_JSON_BYTES:
        upload.report.reject(
            f"annotations of {member.size_bytes:,} bytes; at most {MAX_JSON_BYTES:,} are read",
            member.name,
        )
    number = len(list(upload.work.glob(SPOOL.format("*"))))
    found = Annotations(upload.work / SPOOL.format(number))
    try:
        _read(found, upload, member)
    except _NoListError as e:
        upload.report.warning(f'ignored: no list "{e}"', member.name)
        return None
    except (ValueError, RecursionError) as e:
        upload.report.reject(f"no JSON that can be read: {e}", member.name)
    if not len(found) and not found.num_lost:
        upload.report.warning("ignored: no annotation has a segmentation", member.name)
        return None
    return found


class _NoListError(Exception):
    """A key of the file is no list of objects."""


def _read(found: Annotations, upload: Upload, member: Member) -> None:
    order = _take_lists(found, upload, member, LISTS)
    for key in LISTS:
        if key not in order:
            raise _NoListError(key)
    if order.index("annotations") < order.index("images"):
        _take_lists(found, upload, member, ("annotations",))


def _take_lists(
    found: Annotations, upload: Upload, member: Member, wanted: Sequence[str]
) -> list[str]:
    """Takes in what is wanted, annotations only once images are known; the lists in their order."""
    order = []
    with upload.archive.stream(member) as stream, found.spool.open("ab") as spool:
        for key, item in list_items(stream.read):
            if item is BEGIN:
                order.append(key)
            elif key not in wanted:
                continue
            elif not isinstance(item, dict):
                raise _NoListError(key)
            elif key == "images":
                found.add_image(item)
            elif key == "categories":
                found.categories.append(item)
            elif found.images:
                found.add(item, spool)
            for name, held, most in found.sizes():
                if held > most:
                    upload.report.reject(f"more than {most:,} {name}", member.name)
    return order


class Pictures:
    """Finds the member that ``file_name`` means, beside the annotations or anywhere."""

    def __init__(self, members: list[Member]) -> None:
        self._by_path = {m.path: m for m in members}
        self._by_name: dict[str, list[Member]] = defaultdict(list)
        for member in members:
            self._by_name[member.path.name].append(member)

    def find(self, file_name: str, annotations: Member, split: SplitName) -> Member | None:
        """The picture, of several of this name the one in a folder of this split."""
        path = PurePosixPath(file_name)
        beside = self._by_path.get(annotations.path.parent / path)
        if beside is not None or not path.parts:
            return beside
        named = [
            m for m in self._by_name[path.name] if m.path.parts[-len(path.parts) :] == path.parts
        ]
        if len(named) > 1:
            named = [m for m in named if split_of(m.path.parent / "_") == split]
        return named[0] if len(named) == 1 else None
