"""Predictions as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, RootModel
from pydantic_core import CoreSchema

from api.schemas import ApiModel, Number


class ClassProbability(ApiModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    class_name: Annotated[str, Field(alias="class")]
    probability: Number


class ClassShare(ApiModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    class_name: Annotated[str, Field(alias="class")]
    share: Number
    """Of the picture's pixels."""


class Prediction(ApiModel):
    """What the model says of one sample; what is not of its task is null."""

    sample: str | None = None
    """The file; of a table file and row, or the series and the window that the forecast is from;
    null where raw samples came."""
    top: list[ClassProbability] | None = None
    """The most probable classes, or labels."""
    labels: list[str] | None = None
    """The labels whose probability is one half or more."""
    mask: str | None = None
    """The most probable class of each pixel, as a data URL of a grey PNG of class indices."""
    classes: list[ClassShare] | None = None
    """How much of the picture each class covers."""
    values: dict[str, Number] | None = None
    """The predicted numbers by the names of the outputs."""


class Predictions(ApiModel):
    """One prediction a sample, in the order they came."""

    predictions: list[Prediction]


class PredictionArrays(RootModel[Any]):
    """Raw samples (pictures 0 to 255): one (C, H, W), or several (N, C, H, W)."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        arrays = {"type": "array", "items": {"type": "array", "items": {}}, "minItems": 1}
        wrapped = {"type": "object", "properties": {"inputs": arrays}, "required": ["inputs"]}
        return {
            "description": "Raw samples (pictures 0 to 255): one (C, H, W) or several "
            "(N, C, H, W), as nested arrays, bare or as `inputs`.",
            "oneOf": [arrays, wrapped],
        }
