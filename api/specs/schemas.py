"""Checked specs as JSON. What a spec may say stands in ``trainyard.spec``."""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler, RootModel
from pydantic_core import CoreSchema

from api.schemas import ApiModel

_PART = {"type": "object", "additionalProperties": True}
_SPEC: dict[str, Any] = {
    "name": {"type": "string"},
    "dataset": {"type": "string", "description": "Id or name of a dataset"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "priority": {"type": "integer", "description": "Higher goes first"},
    "notes": {"type": "string"},
    "model": {**_PART, "description": "`layers`, a list; see /v1/layers"},
    "training": {**_PART, "description": "See /v1/specs/schema"},
    "definitions": _PART,
}


class JobRequest(RootModel[Any]):
    """A job spec. The language's own JSON Schema, with every layer, is at /v1/specs/schema.

    Taken as it comes: ``trainyard.spec.job.parse_job`` finds all mistakes at once.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "A job spec; its whole JSON Schema is at /v1/specs/schema.",
            "properties": _SPEC,
            "required": ["dataset", "model", "training"],
        }


class CheckRequest(RootModel[Any]):
    """A job spec with ``dataset``, or ``input_shape`` and ``num_classes`` in its place."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "A job spec with `dataset`, or with `input_shape` and `num_classes` "
            "in its place; the spec's whole JSON Schema is at /v1/specs/schema.",
            "properties": {
                **_SPEC,
                "input_shape": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1},
                    "description": "(C, H, W), without the batch axis",
                },
                "num_classes": {"type": "integer", "minimum": 1},
            },
            "required": ["model", "training"],
        }


class CheckedLayer(ApiModel):
    """One layer of the resolved model; an `activation` short form is a layer of its own."""

    name: str
    type: str
    output_shape: list[int]
    """Without the batch axis."""
    num_params: int
    flops: int
    """Multiply-adds ×2 of one sample, forward."""


class MemoryBytes(ApiModel):
    """What training takes on the device, as estimated; together, at a step's worst moment."""

    weights: int
    activations: int
    """What the forward pass keeps for the backward one, at this batch size."""
    gradients: int
    """Of weights and outputs: what they add at that moment, when some activations are gone."""
    optimizer: int


class CheckResult(ApiModel):
    """What a valid spec amounts to."""

    layers: list[CheckedLayer]
    num_params: int
    flops: int
    memory_bytes: MemoryBytes
    max_batch_size: int | None
    """The largest batch that fits the memory of the workers' device; null where unknown.
    `precision: auto` counts as bfloat16 where it is that on every worker, else as float32."""
    time_seconds: float | None
    """From start to end, by jobs trained before on the same hardware; null where there is none."""
    warnings: list[str]


class KerasModel(RootModel[Any]):
    """What Keras's ``model.to_json()`` gives."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "What `model.to_json()` of Keras 2 or 3 gives: Sequential or functional",
            "properties": {
                "class_name": {"type": "string"},
                "config": {"type": "object", "additionalProperties": True},
            },
            "required": ["class_name", "config"],
        }


class ImportResult(ApiModel):
    """A model of another framework as ours. Shapes are without the batch axis."""

    model: dict[str, Any]
    """The `model` of a job spec."""
    input_shape: list[int]
    """Channels first, as datasets have it."""
    output_shape: list[int]
    num_params: int
    warnings: list[str]
    """What training would do otherwise than there."""
    weights: str | None = None
    """Id of the file's weights in /v1/weights, for `training.init_from`; null where it has none."""
