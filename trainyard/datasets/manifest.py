"""What is known of a dataset: the manifest beside the canonical arrays, and what sniffing takes.

Canonical form, one folder: ``manifest.json`` and for each split ``<split>_x.npy``
(N, *input_shape), uint8 or float32, and ``<split>_y.npy``, whose rows ``target_form`` tells.
C-contiguous, so that they can be memory-mapped. A dataset of windows of series has beside them
``<split>_baselines.npy``: what the naive forecasts say of each sample, of a direction 1 at the
class and 0 at the others.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.time_formats import TIME_FORMATS
from trainyard.spec.tasks import Task as Task

SplitName = Literal["train", "val", "test"]
Resize = Literal["stretch", "fit", "crop", "pad"]
ArrayLayout = Literal[
    "series", "series_last", "pictures", "pictures_last", "volumes", "volumes_last"
]
MadeOf = Literal["pictures", "dicom", "volumes", "sounds", "tables", "arrays"]


class SplitOptions(BaseModel):
    """How missing splits are made; fractions of the training samples that they are taken from."""

    model_config = ConfigDict(extra="forbid")

    # Absent: by time for series, by group where one is named, stratified where there are classes,
    # else at random.
    by: Literal["random", "stratified", "group", "time"] | None = None
    val: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    test: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    # A column of a table that says train, val or test, in place of a choice.
    column: str | None = None
    # Moments of the data (such as days of trading) that are kept free before each later split,
    # besides the samples that reach into it.
    embargo: Annotated[int, Field(ge=0, lt=2**31)] = 0
    # Of so many folds, val is number `fold` (from 0), in place of the fraction `val`.
    folds: Annotated[int, Field(ge=2, le=1000)] | None = None
    fold: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _leave_some_for_training(self) -> SplitOptions:
        if self.folds is None and self.val + self.test >= 1:
            raise ValueError(f"val + test must be below 1; received {self.val + self.test}")
        return self

    @model_validator(mode="after")
    def _name_a_fold(self) -> SplitOptions:
        if self.fold >= (self.folds or 1):
            what = f"below folds, {self.folds}" if self.folds else "left out without folds"
            raise ValueError(f"fold must be {what}; received {self.fold}")
        return self

    @model_validator(mode="after")
    def _embargo_by_time(self) -> SplitOptions:
        if self.embargo and self.by not in (None, "time"):
            raise ValueError(f'embargo belongs to by "time"; received by "{self.by}"')
        return self


class GreyWindow(BaseModel):
    """Window and level, in the units that the values have: Hounsfield units of a CT."""

    model_config = ConfigDict(extra="forbid")

    center: Annotated[float, Field(allow_inf_nan=False)]  # DICOM's WindowCenter, the "level"
    width: Annotated[float, Field(ge=1, allow_inf_nan=False)]  # DICOM's WindowWidth


class AudioOptions(BaseModel):
    """How sounds become samples; what is absent is taken from the files."""

    model_config = ConfigDict(extra="forbid")

    # (channels, samples), or a logarithmic mel spectrogram (1, mel_bands, frames).
    form: Literal["series", "spectrogram"] = "series"
    sample_rate: Annotated[int, Field(ge=100, le=768_000)] | None = None  # Hz; else the commonest
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None  # else the median
    mel_bands: Annotated[int, Field(ge=1, le=512)] = 64  # of a spectrogram


class DatasetOptions(BaseModel):
    """``options`` of an upload; what is absent is sniffed and said in the report."""

    model_config = ConfigDict(extra="forbid")

    task: Task | None = None
    target: str | list[str] | None = None  # column(s) to predict
    features: list[str] | None = None  # columns that the model sees; else all that are left
    ignore: list[str] = []  # columns, or glob patterns of files of an archive
    time: str | None = None  # column that orders the rows of a series
    time_format: str | None = None  # how it writes moments, in strptime's signs; else what fits
    group: str | None = None  # column: rows of one group never stand in two splits, or a series
    window: PositiveInt | None = None  # rows that a forecast is made from
    horizon: PositiveInt = 1  # rows ahead, each of which is an output
    predict: Literal["value", "change", "direction"] = "value"  # of the target, in a forecast
    split: SplitOptions = SplitOptions()
    layout: ArrayLayout | None = None  # of arrays' axes, channels first or last; else by lengths
    picture_size: tuple[PositiveInt, PositiveInt] | None = None  # (H, W); else the commonest
    volume_size: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None  # (D, H, W); the same
    resize: Resize = "stretch"  # of pictures of other sizes: see trainyard.datasets.resize
    grey_window: GreyWindow | None = None  # of DICOM and 16-bit grey; then values are 0 to 255
    audio: AudioOptions = AudioOptions()

    @field_validator("time_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and value not in TIME_FORMATS:
            raise ValueError(f"expected one of {', '.join(TIME_FORMATS)}; received {value}")
        return value


class Problem(BaseModel):
    """One finding of the scan; an ``error`` means the dataset is rejected."""

    severity: Literal["error", "warning"]
    file: str | None = None
    message: str


class SplitInfo(BaseModel):
    """``class_counts`` are samples by class, samples by label, or pixels by class of the masks."""

    num_samples: int
    class_counts: list[int] = []


class ChannelStatistics(BaseModel):
    """Mean and standard deviation by channel over the training split, of raw values."""

    mean: list[float]
    std: list[float]


class TargetStatistics(BaseModel):
    """Of each output over the training split."""

    mean: list[float]
    std: list[float]
    minimum: list[float]
    maximum: list[float]


class SeriesInfo(BaseModel):
    """How windows were cut out of series."""

    window: int  # rows a sample holds
    horizon: int  # rows ahead that are predicted
    time: str | None  # the column of the time
    time_format: str | None = None  # how it writes moments, where they are text
    group: str | None  # the column that tells the series apart
    num_series: int
    predict: Literal["value", "change", "direction"] = "value"
    baselines: list[str] = []  # the rows of ``<split>_baselines.npy``, such as last_value


class AudioInfo(BaseModel):
    """How sounds became samples, so that another sound can become one too."""

    form: Literal["series", "spectrogram"]
    sample_rate: int  # Hz
    num_channels: int  # of the sound, before it is a spectrogram
    num_samples: int  # by channel
    mel_bands: int  # of a spectrogram


class PictureForm(BaseModel):
    """How pictures became samples, so that the pictures of predictions become the same.

    ``bits``: 8 is 0 to 255 as uint8; 16 is 0 to 65535 as float32, to which pictures of 8 bits are
    scaled; 32 is values as they are, as float32.
    """

    bits: Literal[8, 16, 32]
    resize: Resize = "stretch"


class ArrayForm(BaseModel):
    """How arrays became samples, so that arrays and pictures of predictions can become such too.

    ``minimum`` and ``maximum`` are those of the training split, over all channels.
    """

    channels_last: bool  # as they were stored; samples have the channels first
    minimum: float | None = None
    maximum: float | None = None


class Manifest(BaseModel):
    """All that training, checking and the dashboard need to know, without reading the arrays."""

    format: str
    task: Task
    input_shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    num_classes: (
        int | None
    )  # of classes, labels or classes of masks; None where outputs are numbers
    class_names: list[str]
    outputs: list[str] = []  # names of the numbers that are predicted
    features: list[str] = []  # names of the channels, where they have such
    targets: TargetStatistics | None = None  # of the numbers that are predicted
    series: SeriesInfo | None = None
    audio: AudioInfo | None = None
    grey_window: GreyWindow | None = None  # that was applied; values are 0 to 255 then
    pictures: PictureForm | None = None  # of a dataset that was made of picture files
    arrays: ArrayForm | None = None  # of a dataset that was made of arrays
    made_of: MadeOf = "arrays"  # by which a file to predict is read
    splits: dict[SplitName, SplitInfo]
    split_options: SplitOptions = SplitOptions()  # as asked for; they made ``made_splits``
    made_splits: list[SplitName] = []  # not in the upload, but chosen from its training samples
    statistics: ChannelStatistics
    problems: list[Problem]  # warnings only, once ready
    report: DatasetReport | None = None  # kept apart from the manifest in the database
    size_bytes: int
    sha256: str  # over the arrays' bytes, shapes and class names; not over the problems

    @model_validator(mode="after")
    def _say_what_it_is_made_of(self) -> Manifest:
        """Manifests of before leave it to the rest of them."""
        if "made_of" not in self.model_fields_set:
            self.made_of = _made_of(self)
        return self

    @property
    def num_outputs(self) -> int:
        """What a model's output is to have: of classes, labels, classes of masks, or numbers."""
        return len(self.outputs) if self.num_classes is None else self.num_classes


def _made_of(manifest: Manifest) -> MadeOf:
    if manifest.format == "dicom":
        return "dicom"
    if manifest.format == "nifti":
        return "volumes"
    if manifest.audio is not None:
        return "sounds"
    if manifest.features:
        return "tables"
    return "arrays" if manifest.pictures is None else "pictures"


def target_form(
    task: Task, input_shape: tuple[int, ...], num_outputs: int
) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of a row of ``<split>_y.npy``.

    A class index () int64; labels (L,) uint8 of 0 and 1; class indices by pixel (H, W), or by
    voxel (D, H, W), uint8; numbers (K,) float32.

    >>> target_form("segmentation", (3, 64, 48), 2)
    ((64, 48), 'uint8')
    """
    match task:
        case "classification":
            return (), "int64"
        case "multi-label":
            return (num_outputs,), "uint8"
        case "segmentation":
            return input_shape[1:], "uint8"
        case _:
            return (num_outputs,), "float32"
