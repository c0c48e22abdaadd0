"""``normalize``, and all steps that reckon by channel as one map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from trainyard.spec.preprocess.base import PREPROCESS, ChannelAffine, Preprocess, Statistics

Mean = Annotated[float, Field(ge=-1e9, le=1e9)]
Deviation = Annotated[float, Field(gt=0.0, le=1e9)]


@PREPROCESS.register
class Normalize(Preprocess):
    """(x − mean) / std by channel."""

    type: Literal["normalize"] = "normalize"
    mean: Literal["dataset"] | Annotated[list[Mean], Field(max_length=1024)] = "dataset"
    """`dataset` for the training split's, or one number a channel, pictures being scaled to 0…1."""
    std: Literal["dataset"] | Annotated[list[Deviation], Field(max_length=1024)] = "dataset"
    """As ``mean``."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "normalize"},
        {"type": "normalize", "mean": [0.5], "std": [0.25]},
    )

    @field_validator("std")
    @classmethod
    def _as_many_as_means(
        cls, std: Literal["dataset"] | list[float], info: ValidationInfo
    ) -> Literal["dataset"] | list[float]:
        mean = info.data.get("mean", "dataset")
        if "dataset" not in (mean, std) and len(mean) != len(std):
            raise ValueError(f"{len(std)} deviations for {len(mean)} means")
        return std

    def num_channels(self) -> int | None:
        counts = [len(v) for v in (self.mean, self.std) if v != "dataset"]
        return counts[0] if counts else None

    def after(self, before: ChannelAffine, statistics: Statistics) -> ChannelAffine:
        scales, shifts = before
        # The dataset's figures are of raw values; carry them through the steps before this one.
        mean = (
            [m * a + b for m, a, b in zip(statistics.mean, scales, shifts, strict=True)]
            if self.mean == "dataset"
            else self.mean
        )
        std = (
            [s * abs(a) for s, a in zip(statistics.std, scales, strict=True)]
            if self.std == "dataset"
            else self.std
        )
        std = [s if s > 0 else 1.0 for s in std]  # a channel that never changes becomes 0
        return ChannelAffine(
            tuple(a / s for a, s in zip(scales, std, strict=True)),
            tuple((b - m) / s for b, m, s in zip(shifts, mean, std, strict=True)),
        )


def affine(
    steps: Sequence[Preprocess] | None, statistics: Statistics, *, dtype: str
) -> ChannelAffine:
    """All preprocessing of samples of ``dtype`` (``uint8`` or ``float32``) as one map by channel.

    ``None``, the field being absent, normalises with the training split's figures.
    """
    num_channels = len(statistics.mean)
    scale = 1.0 / 255.0 if dtype == "uint8" else 1.0
    whole = ChannelAffine((scale,) * num_channels, (0.0,) * num_channels)
    for step in [Normalize()] if steps is None else steps:
        whole = step.after(whole, statistics)
    return whole
