"""Which split every sample of an upload goes to, and what is said of splits that had to be made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.splits import (
    LEFT_OUT,
    SPLITS,
    TooShort,
    check_way,
    choose_splits,
    way_of,
)

Plan = dict[SplitName, npt.NDArray[np.int8]]  # by part: the split of each source sample


def plan_of(contents: Contents, upload: Upload) -> Plan:
    """Where every sample goes; splits that are missing are taken from training."""
    plan = {p.split: np.full(len(p.labels), SPLITS.index(p.split), np.int8) for p in contents.parts}
    train = next((p for p in contents.parts if p.split == "train"), None)
    if train is None or not len(train.labels):
        upload.report.reject("there are no training samples", code="no-training-samples")
    if contents.is_split:
        return plan
    for name, chosen in plan.items():
        if not len(chosen):
            upload.report.warning(f"the {name} split of the upload is empty", code="empty-split")
    missing = [name for name in SPLITS if name not in plan or not len(plan[name])]
    options = upload.options.split
    check_way(contents, upload, missing)
    way = way_of(contents, upload)
    try:
        plan["train"] = choose_splits(train, options.model_copy(update={"by": way}), missing)
    except TooShort as e:
        upload.report.reject(
            f"the samples span too few moments for splits by time: {e} would be empty, or nothing "
            "would be left before it; take a smaller window, horizon, embargo or fraction"
        )
    _tell_left_out(plan["train"], train, upload)
    for name in missing:
        in_folds = name == "val" and options.folds
        if not in_folds and not getattr(options, name, 0):
            continue
        how = f"{way}{'' if way == 'time' else f', seed {options.seed}'}"
        how += f", fold {options.fold} of {options.folds}" if in_folds else ""
        _tell_made(name, int(np.sum(plan["train"] == SPLITS.index(name))), how, train, upload)
    return plan


def _tell_left_out(chosen: npt.NDArray[np.int8], train: Part, upload: Upload) -> None:
    left_out = np.flatnonzero(chosen == LEFT_OUT)
    if len(left_out):
        upload.report.finding(
            "left-out-between-splits",
            "warning",
            f"{len(left_out):,} of {len(train.labels):,} samples were left out between the "
            "splits: their moments overlap those of a later split, lie in the embargo or after "
            "the fold",
            len(left_out),
            [Example(name=train.name_of(int(index))) for index in left_out[:MAX_EXAMPLES]],
        )


def _tell_made(name: SplitName, num: int, how: str, train: Part, upload: Upload) -> None:
    total = len(train.labels)
    if num:
        upload.report.finding(
            "made-split",
            "warning",
            f"no {name} split in the upload: {num:,} of {total:,} training samples were taken for "
            f"it ({how})",
            num,
        )
        return
    why = "they are too few"
    if train.groups is not None and how.startswith("group"):
        num_groups = len(np.unique(train.groups))
        why = f"they are of {num_groups:,} group(s), each of which stays whole"
    upload.report.finding(
        "missing-split",
        "warning",
        f"no {name} split in the upload, and none was made of its {total:,} training samples "
        f"({how}): {why}",
    )
