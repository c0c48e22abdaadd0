"""The ``model`` part of a job spec: the list of layers as the user wrote it.

How the layers are joined, and whether their shapes agree, is ``graph.py``'s business.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trainyard.spec.component import OneOf
from trainyard.spec.layers import LAYERS, Layer

INPUT = "input"  # the name of the model's own input

MAX_LAYERS = 10_000  # that are looked at, whatever the operator allows

AnyLayer = Annotated[Layer, OneOf(LAYERS)]


class ModelSpec(BaseModel):
    """A network as a list of layers; any directed acyclic graph by `name` and `inputs`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    layers: Annotated[list[AnyLayer], Field(min_length=1, max_length=MAX_LAYERS)]
    """Each takes the output of the one before it unless it names its `inputs`; \
the last one's output is the model's."""
