"""The parts of a spec that change samples, by themselves: for a look at what they do."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainyard.errors import InvalidInput
from trainyard.spec.augmentations.fitting import mistakes_of_augmentations
from trainyard.spec.definitions.model import Definitions
from trainyard.spec.definitions.types import own_types
from trainyard.spec.pointers import MAX_MISTAKES, mistakes_of
from trainyard.spec.preprocess.fitting import mistakes_of_steps
from trainyard.spec.shapes import Shape
from trainyard.spec.suggest import counted
from trainyard.spec.training import AnyAugmentation, AnyPreprocess


class PreviewSpec(BaseModel):
    """``augment`` and ``preprocess`` as in a training, with the job's own definitions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    augment: Annotated[list[AnyAugmentation], Field(max_length=16)] = []
    preprocess: Annotated[list[AnyPreprocess], Field(max_length=8)] | None = None
    definitions: Definitions = Definitions()


def parse_preview(data: dict[str, object], input_shape: Shape) -> PreviewSpec:
    """The steps of parsed JSON, held against samples of ``input_shape``.

    Raises:
        InvalidInput: with every mistake, as pointers into ``data``.
    """
    own = own_types(data.get("definitions"))
    mistakes = list(own.mistakes)
    try:
        spec = PreviewSpec.model_validate(data, context=own.types)
    except ValidationError as error:
        told = {mistake.path for mistake in mistakes}
        found = mistakes_of(error, PreviewSpec, data, own.types)
        mistakes += [m for m in found if m.path not in told and not own.explains(m)]
    else:
        mistakes += mistakes_of_augmentations(spec.augment, input_shape, "/augment")
        mistakes += mistakes_of_steps(spec.preprocess or [], input_shape, "/preprocess")
        if not mistakes:
            return spec
    detail = f"The steps have {counted(len(mistakes), 'mistake')}."
    raise InvalidInput(detail, mistakes[:MAX_MISTAKES])
