"""Options that an upload's format does not follow: refused or told, and never passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions
from trainyard.datasets.formats import FORMATS

from .conftest import Ingest, messages, npz_of, picture, random_pictures, zip_of
from .test_audio import sounds
from .test_dicom import scans
from .test_nifti import volumes

FOLDERS = zip_of(
    {f"{c}/{i}.png": picture(p) for c in "ab" for i, p in enumerate(random_pictures(20, 6, 5, 3))}
)
NPZ = npz_of(x=random_pictures(60, 6, 5), y=np.arange(60) % 3)
TABLE = ("x,y,z\n" + "".join(f"{i * i % 31},{i % 3},{i}\n" for i in range(90))).encode()


def options(**given: Any) -> DatasetOptions:
    return DatasetOptions.model_validate(given)


@pytest.mark.parametrize("upload", [FOLDERS, NPZ, zip_of(scans(12)), zip_of(volumes(12)),
                                    zip_of(sounds(12))])  # fmt: skip
@pytest.mark.parametrize(
    "given",
    [
        {"target": "label"}, {"features": ["x"]}, {"time": "day"}, {"group": "patient"},
        {"window": 5}, {"horizon": 2}, {"predict": "direction"}, {"split": {"column": "split"}},
    ],
)  # fmt: skip
def test_what_would_change_samples_or_targets_is_refused(
    upload: bytes, given: dict[str, Any], refuse: Callable[..., str]
) -> None:
    said = refuse(upload, options(**given))
    name = "split.column" if "split" in given else next(iter(given))
    assert f"options.{name}: of no meaning for the format " in said
    assert "which follows " in said
    assert said.count("error") == 1, said


def test_all_of_these_are_named_at_once_with_the_format_and_what_it_follows(refuse) -> None:
    said = refuse(FOLDERS, options(target="label", window=5, time="x"))
    assert (
        "options.target, options.time, options.window: of no meaning for the format folders, which "
        "follows `picture_size`, `resize`, `grey_window`, `split`, `ignore`. Targets, groups"
        in said
    )


@pytest.mark.parametrize("task", ["regression", "multi-label", "segmentation", "forecasting"])
def test_class_folders_are_for_no_other_task(refuse, task: str) -> None:
    said = refuse(FOLDERS, options(task=task))
    assert f"this upload of the format folders is for classification, not {task}" in said
    assert "labels.csv" in said


def test_a_task_that_is_the_uploads_own_may_be_named(take: Ingest) -> None:
    assert take(FOLDERS, options(task="classification")).task == "classification"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"horizon": 3}, "options.horizon was not followed: the samples are rows, for classif"),
        ({"task": "regression", "predict": "direction"}, "options.predict was not followed"),
    ],
)
def test_what_belongs_to_forecasts_is_refused_of_rows(refuse, given, told) -> None:
    assert told in refuse(TABLE, options(target="y", **given))


@pytest.mark.parametrize(
    ("upload", "given"),
    [
        (NPZ, {"picture_size": [8, 8]}),
        (NPZ, {"grey_window": {"center": 5, "width": 5}}),
        (FOLDERS, {"volume_size": [8, 8, 8]}),
        (FOLDERS, {"audio": {"form": "spectrogram"}}),
        (zip_of(scans(12)), {"resize": "fit"}),
        (TABLE, {"target": "y", "resize": "fit"}),
    ],
)
def test_what_changes_nothing_is_only_told(take: Ingest, upload, given) -> None:
    manifest = take(upload, options(**given))
    name = list(given)[-1]
    assert f"options.{name} was not followed: the format" in messages(manifest)


def test_options_at_their_defaults_are_not_given(take: Ingest) -> None:
    said = messages(take(FOLDERS, options(horizon=1, predict="value", resize="stretch", audio={})))
    assert "not followed" not in said


def test_every_built_in_format_says_what_it_follows() -> None:
    silent = [f.name for f in FORMATS if not hasattr(f, "follows")]
    # It says itself that no option is followed.
    assert [name for name in silent if name != "pixel_text"] == ["trainyard"]


def test_a_group_that_was_given_is_not_asked_for(refuse) -> None:
    said = refuse(FOLDERS, options(group="patient"))
    assert "needs the option" not in said
