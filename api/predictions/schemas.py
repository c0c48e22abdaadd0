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


class Prediction(ApiModel):
    """The most probable classes of one sample."""

    top: list[ClassProbability]


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
