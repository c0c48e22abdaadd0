"""The ``model`` part of a job spec: the list of layers as the user wrote it, and blocks of them.

What the blocks come to is ``expansion.py``'s business; how the layers are joined, and whether
their shapes agree, is ``graph.py``'s.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from trainyard.spec.blocks import MAX_BLOCKS, NAME_PATTERN, AnyLayer, Block
from trainyard.spec.component import NO_TYPES, Types

INPUT = "input"  # the name of the model's own input

MAX_LAYERS = 10_000  # that are looked at, whatever the operator allows


class ModelSpec(BaseModel):
    """A network as a list of layers; any directed acyclic graph by `name` and `inputs`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    blocks: Annotated[
        dict[str, Block],
        Field(
            max_length=MAX_BLOCKS, json_schema_extra={"propertyNames": {"pattern": NAME_PATTERN}}
        ),
    ] = {}
    """Parts that are named once and used many times: a layer whose `type` is a block's name \
stands for the block's layers."""
    layers: Annotated[list[AnyLayer], Field(min_length=1, max_length=MAX_LAYERS)]
    """Each takes the output of the one before it unless it names its `inputs`; \
the last one's output is the model's."""

    @model_serializer(mode="wrap")
    def _without_empty_blocks(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As short as it was written: most models have no blocks."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if key != "blocks" or value}

    _types: Types = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _remember_types(self, info: ValidationInfo) -> Self:
        self._types = info.context or NO_TYPES
        return self

    @property
    def types(self) -> Types:
        """The job's own types, which layers of blocks may have too."""
        return self._types
