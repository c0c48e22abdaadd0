"""A dataset that was downloaded here: its canonical folder as a zip, which gives the same again.

Every array is read and checked like any stranger's, and their digest has to be the one that
the manifest tells. Only what the arrays do not tell is taken from the manifest: how files became
samples, and the last digits of the statistics, where they agree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from pydantic import ValidationError

from trainyard.datasets.archive import Member
from trainyard.datasets.arrays import read_small
from trainyard.datasets.canonical import MANIFEST
from trainyard.datasets.format import Array, Block, Contents, Part, Upload
from trainyard.datasets.formats.npz import read_array, read_header
from trainyard.datasets.manifest import DatasetOptions, Manifest, SplitName, target_form
from trainyard.datasets.stored import StoredArray
from trainyard.datasets.told_forms import mismatches

name = "trainyard"
expects = "a dataset that was downloaded from Trainyard"

MAX_MANIFEST_BYTES = 32 * 1024**2
_TELLING = {"splits", "input_shape", "dtype", "sha256"}  # of our manifests
_TOLERANCE = 1e-6


def sniff(upload: Upload) -> bool:
    """A ``manifest.json`` of ours beside arrays."""
    member = _manifest_member(upload)
    if member is None or member.size_bytes > MAX_MANIFEST_BYTES:
        return False
    if not any(m.name.endswith("_x.npy") for m in upload.archive.members):
        return False
    try:
        told = json.loads(upload.archive.read(member, MAX_MANIFEST_BYTES))
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.keys() >= _TELLING


def inspect(upload: Upload) -> Contents:
    """The parts as the manifest tells them."""
    manifest = _read_manifest(upload)
    _check_manifest(manifest, upload)
    parts = [_part(split, manifest, upload) for split in manifest.splits]
    upload.report.raise_if_rejected()
    if upload.options != DatasetOptions():
        upload.report.warning("the options were not followed: the dataset is as it was made")
    return Contents(
        input_shape=manifest.input_shape,
        dtype=manifest.dtype,
        class_names=manifest.class_names,
        parts=parts,
        task=manifest.task,
        outputs=manifest.outputs,
        features=manifest.features,
        series=manifest.series,
        arrays=manifest.arrays,
        is_split=True,
    )


def complete(upload: Upload, manifest: Manifest) -> Manifest:
    """The manifest that was written, with what of the uploaded one agrees with it.

    Raises:
        RejectedDataset: the arrays are not those that the uploaded manifest was made of.
    """
    told = _read_manifest(upload)
    if told.sha256 != manifest.sha256:
        upload.report.reject(
            f"the arrays have the digest {manifest.sha256}, and not {told.sha256}", MANIFEST
        )
    kept: dict[str, Any] = {
        "split_options": told.split_options,
        "audio": told.audio,
        "grey_window": told.grey_window,
        "pictures": told.pictures,
        "made_of": told.made_of,
        "made_splits": [split for split in told.made_splits if split in manifest.splits],
    }
    if _agree(told.statistics, manifest.statistics):
        kept["statistics"] = told.statistics
    if told.targets and manifest.targets and _agree(told.targets, manifest.targets):
        kept["targets"] = told.targets
    return manifest.model_copy(update=kept)


def _agree(one: Any, other: Any) -> bool:
    a, b = one.model_dump(), other.model_dump()
    return all(
        len(a[key]) == len(b[key]) and np.allclose(a[key], b[key], rtol=_TOLERANCE, atol=_TOLERANCE)
        for key in a
    )


def _manifest_member(upload: Upload) -> Member | None:
    """At the top, or in the one folder that some packers put around."""
    found = [m for m in upload.archive.members if m.path.name == MANIFEST]
    return min(found, key=lambda m: len(m.path.parts), default=None)


def _read_manifest(upload: Upload) -> Manifest:
    member = _manifest_member(upload)
    assert member is not None, "sniffed"
    try:
        return Manifest.model_validate_json(upload.archive.read(member, MAX_MANIFEST_BYTES))
    except ValidationError as error:
        for one in error.errors(include_url=False)[:20]:
            where = "/".join(map(str, one["loc"]))
            upload.report.error(f"{where}: {one['msg']}", member.name)
        upload.report.raise_if_rejected()
        raise


def _check_manifest(manifest: Manifest, upload: Upload) -> None:
    """What the rest of the scan takes for granted."""
    report, shape, names = upload.report, manifest.input_shape, manifest.class_names
    has_classes = manifest.task in ("classification", "multi-label", "segmentation")
    if not 2 <= len(shape) <= 4 or min(shape) < 1:
        report.reject(f"input_shape {list(shape)}: expected 2 to 4 positive sizes", MANIFEST)
    if math.prod(shape) > upload.limits.max_picture_pixels:
        most = upload.limits.max_picture_pixels
        report.error(f"one sample has more than {most:,} values", MANIFEST)
    if "train" not in manifest.splits:
        report.error("there is no training split", MANIFEST)
    if has_classes != bool(names) or has_classes == bool(manifest.outputs):
        report.error(f"class names or outputs do not fit the task {manifest.task}", MANIFEST)
    if manifest.num_classes != (len(names) if has_classes else None):
        report.error(f"{manifest.num_classes} classes, but {len(names)} names", MANIFEST)
    if len(names) + len(manifest.outputs) > upload.limits.max_classes:
        report.error(f"more than {upload.limits.max_classes:,} classes or outputs", MANIFEST)
    if len(set(names)) < len(names):
        report.error("a class name stands twice", MANIFEST)
    if manifest.features and len(manifest.features) != shape[0]:
        report.error(f"{len(manifest.features)} features, but {shape[0]} channels", MANIFEST)
    for why in mismatches(manifest, upload.limits):
        report.error(why, MANIFEST)
    report.raise_if_rejected()


def _part(split: SplitName, manifest: Manifest, upload: Upload) -> Part:
    row, dtype = target_form(manifest.task, manifest.input_shape, manifest.num_outputs)
    num = manifest.splits[split].num_samples
    x = _array(f"{split}_x.npy", (num, *manifest.input_shape), manifest.dtype, upload)
    y = _array(f"{split}_y.npy", (num, *row), dtype, upload)
    baselines = None
    if manifest.series is not None and manifest.series.baselines:
        shape = (num, len(manifest.series.baselines), manifest.num_outputs)
        baselines = read_small(_array(f"{split}_baselines.npy", shape, "float32", upload))
    if manifest.task == "segmentation":
        labels = np.zeros((num, 0), np.int64)
        read = partial(_pairs, x, y, manifest.num_outputs, upload)
        return Part(split, labels, read, partial(_name_of, x.name))
    labels = read_small(y)
    most = {"classification": manifest.num_outputs - 1, "multi-label": 1}.get(manifest.task)
    if most is not None and len(labels) and not 0 <= labels.min() <= labels.max() <= most:
        upload.report.error(f"holds other labels than 0 to {most}", y.name)
    return Part(split, labels, partial(_blocks, x), partial(_name_of, x.name), baselines=baselines)


def _array(file: str, shape: tuple[int, ...], dtype: str, upload: Upload) -> StoredArray:
    """The array beside the manifest, which must have exactly this form."""
    manifest = _manifest_member(upload)
    assert manifest is not None
    path: PurePosixPath = manifest.path.parent / file
    member = next((m for m in upload.archive.members if m.path == path), None)
    if member is None:
        upload.report.reject("is missing", str(path))
    with upload.archive.stream(member) as stream:
        found, fortran, found_dtype = read_header(stream, upload)
    if found != shape or found_dtype != np.dtype(dtype) or (fortran and len(shape) > 1):
        expected = f"{dtype} {list(shape)}"
        upload.report.reject(f"is {found_dtype} {list(found)}; expected {expected}", member.name)
    if math.prod(shape) * found_dtype.itemsize > member.size_bytes:
        upload.report.reject("holds fewer bytes than its header claims", member.name)
    return StoredArray(member.name, shape, found_dtype, partial(read_array, upload, member))


def _blocks(x: StoredArray) -> Iterator[Block]:
    start = 0
    for block in x.read():
        yield Block(np.arange(start, start + len(block)), block)
        start += len(block)


def _pairs(x: StoredArray, y: StoredArray, num_classes: int, upload: Upload) -> Iterator[Block]:
    """Samples with their masks, whose blocks have other lengths."""
    masks, left = y.read(), np.zeros((0, *y.shape[1:]), np.uint8)
    for indices, samples, _ in _blocks(x):
        parts: list[Array] = [left]
        while sum(map(len, parts)) < len(samples):
            parts.append(next(masks))
        whole = np.concatenate(parts)
        mine, left = whole[: len(samples)], whole[len(samples) :]
        if mine.max() >= num_classes:
            upload.report.reject(f"holds other classes than 0 to {num_classes - 1}", y.name)
        yield Block(indices, samples, mine)


def _name_of(array: str, index: int) -> str:
    return f"{array} #{index}"
