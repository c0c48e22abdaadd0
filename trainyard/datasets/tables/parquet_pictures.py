"""Parquet with the bytes of pictures in a column, as Hugging Face's datasets are stored.

Pictures are decoded by ``trainyard.datasets.pictures`` and brought to one form as those of class
folders are; targets are read as those of any table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from trainyard.datasets.format import Array, Block, Contents, Part, Upload
from trainyard.datasets.labels import check_class_names
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.picture_files import CommonForm, settle_named
from trainyard.datasets.pictures import (
    PictureFacts,
    UnreadablePicture,
)
from trainyard.datasets.splits import SPLITS
from trainyard.datasets.tables.channels import Ints
from trainyard.datasets.tables.given_splits import split_of_rows
from trainyard.datasets.tables.parquet import class_names_of
from trainyard.datasets.tables.roles import roles_of
from trainyard.datasets.tables.source import Source, check_columns
from trainyard.datasets.tables.stored import Stored, Wanted
from trainyard.datasets.tables.survey import Column, survey
from trainyard.datasets.tables.targets import Targets, targets_of, task_of

TARGET_NAMES = ("label", "labels", "class", "target", "fine_label")  # where no option says it


@dataclass(frozen=True)
class Pictures:
    """The column of pictures of all files, and the form that they are brought to."""

    sources: list[Source]
    column: str
    upload: Upload

    def each(self) -> Iterator[tuple[int, bytes | None]]:
        """Row and bytes, one by one; None where there are none."""
        row = 0
        for source in self.sources:
            for batch in source.read([self.column]):
                for cell in batch.column(0):
                    value = cell.as_py()
                    yield row, value.get("bytes") if isinstance(value, dict) else value
                    row += 1


def picture_columns(schema: Any) -> list[str]:
    """Columns of bytes, or of structures that hold ``bytes``."""
    found = []
    for field in schema:
        kind = field.type
        if pa.types.is_struct(kind):
            names = [kind.field(n).name for n in range(kind.num_fields)]
            kind = kind.field(names.index("bytes")).type if "bytes" in names else None
        if kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            found.append(field.name)
    return found


def picture_contents(sources: list[Source], schema: Any, column: str, upload: Upload) -> Contents:
    """The contents of files of the same columns, one of which holds pictures.

    Rows without a target are left out, as are pictures that cannot be read; both are said.
    """
    names = [name for name in check_columns(sources, upload) if name != column]
    upload = _with_target(names, column, upload)
    roles = roles_of(names, len(sources), upload)
    columns = survey(sources, names)
    task = task_of(roles.targets, columns, upload)
    texts = [roles.group if roles.group in columns else None, roles.split]
    texts += [n for n in roles.targets if task == "classification" and not _is_number(columns[n])]
    numbers = [name for name in roles.targets if name not in texts]
    wanted = Wanted(numbers, list(dict.fromkeys(t for t in texts if t)), [])
    stored = Stored(sources, columns, wanted, upload)
    targets = _named(schema, roles.targets, task, stored, upload)
    targets = targets or targets_of(task, roles.targets, columns, stored, upload)
    split = split_of_rows(roles.split, stored, upload)
    pictures = Pictures(sources, column, upload)
    facts = _facts(pictures, targets.known & (split >= 0), stored)
    if not facts:
        upload.report.reject(f'no picture of column "{column}" can be read')
    form, facts = settle_named(facts, upload, stored.name_of)
    readable = np.zeros(stored.num_rows, np.bool_)
    readable[list(facts)] = True
    parts = []
    for number, name in enumerate(SPLITS):
        rows = np.flatnonzero(readable & (split == number))
        if len(rows) or not number:
            read = partial(_read, pictures, rows, form, stored)
            groups = stored.texts[roles.group][rows] if roles.group in stored.texts else None
            name_of = partial(_name_of, stored, rows)
            parts.append(Part(name, targets.labels[rows], read, name_of, groups))
    return Contents(
        form.input_shape,
        form.dtype,
        targets.class_names,
        parts,
        task=task,
        outputs=targets.outputs,
        pictures=form.recorded,
        grey_window=form.window,
    )


def _with_target(columns: list[str], pictures: str, upload: Upload) -> Upload:
    """The upload with a target among its options, where the columns leave no doubt of it."""
    if upload.options.target is not None:
        return upload
    found = [name for name in TARGET_NAMES if name in columns]
    if not found and len(columns) == 1:
        found = columns
    if not found:
        return upload  # which ``roles_of`` rejects, with the columns' names
    upload.report.warning(
        f'pictures of column "{pictures}", whose target is "{found[0]}"; the option `target` '
        "decides otherwise"
    )
    options = upload.options.model_copy(update={"target": found[0]})
    return replace(upload, options=options)


def _is_number(column: Column) -> bool:
    return column.kind == "number"


def _named(
    schema: Any, names: list[str], task: str, stored: Stored, upload: Upload
) -> Targets | None:
    """Targets of whole numbers whose names stand in the schema; below 0 means not labelled."""
    class_names = class_names_of(schema, names[0]) if task == "classification" else None
    if class_names is None or names[0] not in stored.numbers:
        return None
    check_class_names(class_names, upload, names[0])
    numbers = stored.numbers[names[0]]
    known = numbers >= 0
    if past := int(np.sum(numbers >= len(class_names))):
        upload.report.error(
            f'{past:,} labels of "{names[0]}" are past its {len(class_names)} names'
        )
    upload.report.raise_if_rejected()
    if unlabelled := int(np.sum(~known)):
        message = f'left out: {unlabelled:,} row(s) without "{names[0]}"'
        upload.report.finding("missing-cells", "warning", message, unlabelled)
    return Targets(np.where(known, numbers, 0).astype(np.int64), known, class_names, [])


def _facts(pictures: Pictures, wanted: Array, stored: Stored) -> dict[int, PictureFacts]:
    """Of every wanted row whose picture has a header that can be read; others are said."""
    limits, report = pictures.upload.limits, pictures.upload.report
    facts: dict[int, PictureFacts] = {}
    for row, data in pictures.each():
        if not wanted[row]:
            continue
        try:
            if data is None:
                raise UnreadablePicture("no bytes: the picture itself is not in the file")
            if len(data) > limits.max_picture_bytes:
                raise UnreadablePicture(f"{len(data):,} bytes are past the limit")
            facts[row] = pictures.upload.decoder.inspect(data)
        except UnreadablePicture as e:
            report.warning(f"left out: {e.detail}", stored.name_of(row))
    return facts


def _read(
    pictures: Pictures,
    rows: Ints,
    form: CommonForm,
    stored: Stored,
) -> Iterator[Block]:
    """Decode the pictures of these rows in order."""
    row_bytes = int(np.prod(form.input_shape)) * np.dtype(form.dtype).itemsize
    report = pictures.upload.report
    places = {int(row): place for place, row in enumerate(rows)}
    indices: list[int] = []
    decoded: list[Array] = []
    for row, data in pictures.each():
        if row not in places or data is None:
            continue
        try:
            picture = form.decoded(data, pictures.upload.decoder)
        except UnreadablePicture as e:
            report.warning(f"left out: {e.detail}", stored.name_of(row))
            continue
        indices.append(places[row])
        decoded.append(picture)
        if len(decoded) * row_bytes >= BLOCK_BYTES:
            yield Block(np.array(indices), np.stack(decoded))
            indices, decoded = [], []
    if decoded:
        yield Block(np.array(indices), np.stack(decoded))


def _name_of(stored: Stored, rows: Ints, index: int) -> str:
    return stored.name_of(int(rows[index]))
