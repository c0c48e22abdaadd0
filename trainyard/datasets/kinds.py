"""Kinds of files that are a sample each, whether folders or a sheet say of which class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Block, Contents, Part, Upload
from trainyard.datasets.manifest import AudioInfo, GreyWindow, PictureForm, Task
from trainyard.datasets.picture_files import Facts, blocks, readable, settle
from trainyard.datasets.sample_files import UnreadableFile


@dataclass(frozen=True)
class Settled:
    """Files that can be read, and the one form that they take; ``groups`` numbers their sources."""

    members: set[Member]
    input_shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    read: Callable[[list[Member]], Iterator[Block]]
    groups: dict[Member, int] | None = None
    audio: AudioInfo | None = None
    grey_window: GreyWindow | None = None
    pictures: PictureForm | None = None

    def contents(
        self,
        parts: list[Part],
        class_names: list[str],
        task: Task = "classification",
        outputs: list[str] | None = None,
    ) -> Contents:
        """What an upload of these files holds."""
        return Contents(
            self.input_shape, self.dtype, class_names, parts, task, outputs or [],
            audio=self.audio, grey_window=self.grey_window, pictures=self.pictures,
        )  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """``headers`` reads them, and tells what has none; ``settle`` takes at least one of them."""

    one: str
    many: str
    headers: Callable[[Upload, Iterable[Member]], dict[Member, Any]]
    settle: Callable[[dict[Member, Any], Upload], Settled]


def told_headers(
    upload: Upload, members: Iterable[Member], header: Callable[[Upload, Member], Any]
) -> dict[Member, Any]:
    """The headers of files that have one; the others go to the report."""
    found = {}
    for member in members:
        try:
            found[member] = header(upload, member)
        except UnreadableFile as e:
            upload.report.warning(f"left out: {e.detail}", member.name)
    return found


def _settled_pictures(facts: Facts, upload: Upload) -> Settled:
    form, kept = settle(facts, upload)
    return Settled(
        set(kept),
        form.input_shape,
        form.dtype,
        partial(blocks, upload, form=form),
        grey_window=form.window,
        pictures=form.recorded,
    )


PICTURE_KIND = Kind("picture", "pictures", readable, _settled_pictures)
