"""The whole job spec: the body of ``POST /v1/jobs`` and, without a dataset, of a check."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from trainyard.errors import InvalidInput, Mistake
from trainyard.spec.blocks import MAX_BLOCKS, AnyLayer, Block
from trainyard.spec.component import NO_TYPES, OneOf, Types
from trainyard.spec.definitions.model import Definitions
from trainyard.spec.definitions.types import own_types
from trainyard.spec.expansion import expand
from trainyard.spec.facts import DatasetFacts
from trainyard.spec.fields import MAX_SIZE, expected
from trainyard.spec.graph import examine, first_by_path
from trainyard.spec.layers import Layer
from trainyard.spec.losses import LOSSES, Loss
from trainyard.spec.losses.base import Takes
from trainyard.spec.model import MAX_LAYERS, ModelSpec
from trainyard.spec.parts import Expansion, outline_of
from trainyard.spec.pointers import MAX_MISTAKES, mistakes_of
from trainyard.spec.shapes import Shape, ShapeError
from trainyard.spec.suggest import counted, shown
from trainyard.spec.tasks import TASK_DEFAULTS, Task
from trainyard.spec.training import TrainingSpec
from trainyard.spec.wiring import wire

# Databases take no NUL, and names stand in file names and headers.
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=20_000)]
JobId = Annotated[str, Field(pattern=r"^job_[0-9a-z]{1,40}$", max_length=50)]
After = Annotated[
    Annotated[JobId, Tag("one")] | Annotated[list[JobId], Field(max_length=50), Tag("many")],
    Discriminator(lambda value: "one" if isinstance(value, str) else "many"),
]


class JobSpec(BaseModel):
    """What to train, on which dataset, and how."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    name: Line = ""
    """Name of the job, for people."""
    dataset: Annotated[Line, Field(min_length=1)]
    """Id of a dataset, its name for the newest version, or a version of it such as `digits@2`."""
    tags: Annotated[list[Annotated[Line, Field(min_length=1)]], Field(max_length=50)] = []
    """Words to find the job by."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Jobs of a higher priority are trained first."""
    notes: Text = ""
    """Free text."""
    after: After = []
    """Job or jobs that must succeed before this one begins; where one does not, this one is
    cancelled. `init_from` may name one of them."""
    model: ModelSpec
    """What to build."""
    training: TrainingSpec = TrainingSpec()
    """How to train it."""
    definitions: Definitions = Definitions()
    """Own parts of the framework as expressions; each name is a `type` in this job."""

    def for_task(self, task: str) -> Self:
        """With what the task decides where the spec does not."""
        return self.model_copy(update={"training": self.training.for_task(task)})

    def after_by_path(self) -> dict[str, str]:
        """The jobs of ``after`` by their places in the spec."""
        if isinstance(self.after, str):
            return {"/after": self.after}
        return {f"/after/{place}": job_id for place, job_id in enumerate(self.after)}


_LAYER: TypeAdapter[Layer] = TypeAdapter(AnyLayer)


class CheckSpec(JobSpec):
    """The body of a check: a job spec that gives a `dataset`, or `input_shape` in its place."""

    dataset: Annotated[Line, Field(min_length=1)] | None = None  # type: ignore[assignment]
    """Id of a dataset, its name for the newest version, or a version of it such as `digits@2`."""
    input_shape: (
        Annotated[list[Annotated[int, Field(ge=1, le=MAX_SIZE)]], Field(min_length=1, max_length=8)]
        | None
    ) = None
    """Shape of one sample, channels first, where no dataset is given."""
    num_classes: Annotated[int, Field(ge=1, le=MAX_SIZE)] | None = None
    """Number of classes, or of labels or numbers to predict, where no dataset is given."""
    task: Task = "classification"
    """What is to be learnt, where no dataset is given."""

    @model_validator(mode="after")
    def _says_what_the_data_is(self) -> Self:
        if self.dataset is None and self.input_shape is None:
            raise expected("a `dataset`, or `input_shape` and `num_classes` in its place")
        return self

    def facts(self) -> DatasetFacts | None:
        """What the spec itself says of the data; None where it names a dataset."""
        if self.input_shape is None:
            return None
        return DatasetFacts(self.task, tuple(self.input_shape), self.num_classes, None)


def parse_job(data: object, facts: DatasetFacts | None = None) -> JobSpec:
    """The job spec of parsed JSON.

    ``facts`` of the dataset that it names, where they are at hand, let a spec with mistakes be
    told its wrong shapes too; what a good spec comes to is ``check.py``'s business.

    Raises:
        InvalidInput: with every mistake that shows without the dataset, or with its facts.
    """
    return _parse(JobSpec, data, facts)


def parse_check(data: object, facts: DatasetFacts | None = None) -> CheckSpec:
    """The body of ``POST /v1/specs/check``: names a dataset, or gives `input_shape`.

    Raises:
        InvalidInput: as ``parse_job``.
    """
    return _parse(CheckSpec, data, facts)


def job_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the job spec."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **JobSpec.model_json_schema(mode="validation"),
    }


S = TypeVar("S", bound=JobSpec)


def _parse(form: type[S], data: object, facts: DatasetFacts | None) -> S:
    if not isinstance(data, dict):
        mistake = Mistake("", "expected a JSON object", "a JSON object", shown(data))
        raise InvalidInput("The job spec is not an object.", [mistake])
    own = own_types(data.get("definitions"))
    try:
        # Read even where it is absent: definitions may stand for its defaults.
        spec = form.model_validate({"training": {}, **data}, context=own.types)
    except ValidationError as error:
        mistakes = mistakes_of(error, form, data, own.types)
    else:
        if not expand(spec.model.layers, spec.model.blocks, own.types).mistakes + own.mistakes:
            return spec
        mistakes = []
    told = {mistake.path for mistake in mistakes}
    more = [*own.mistakes, *_model_mistakes(data, facts, own.types)]
    mistakes += [mistake for mistake in more if mistake.path not in told]
    raise invalid_spec([mistake for mistake in mistakes if not own.explains(mistake)])


def _model_mistakes(
    data: dict[str, Any], facts: DatasetFacts | None, types: Types
) -> list[Mistake]:
    """What is wrong with the graph of a spec that has other mistakes already."""
    expansion = readable_model(data, types)
    if facts is None:
        return first_by_path([*expansion.mistakes, *wire(expansion.parts).mistakes])
    if not expansion.parts:
        return expansion.mistakes
    shape = _model_shape(data, facts.input_shape)
    if shape is None:
        return first_by_path([*expansion.mistakes, *wire(expansion.parts).mistakes])
    takes = _loss_takes(data, types, facts.task)
    return examine(expansion, shape, facts.num_classes, task=facts.task, takes=takes)[1]


def _loss_takes(data: dict[str, Any], types: Types, task: str) -> Takes:
    """What the loss is of; the task's own where it cannot be read."""
    training = data.get("training")
    loss = training.get("loss") if isinstance(training, dict) else None
    name = loss.get("type") if isinstance(loss, dict) else None
    found = OneOf(LOSSES, Loss).find(name, types) or type(TASK_DEFAULTS[task].loss)
    assert issubclass(found, Loss)
    return found.takes


def _model_shape(data: dict[str, Any], input_shape: Shape) -> Shape | None:
    """What the model gets; None where ``preprocess`` itself cannot be read."""
    training = data.get("training")
    given = training.get("preprocess") if isinstance(training, dict) else None
    try:
        return TrainingSpec.model_validate({"preprocess": given}).model_shape(input_shape)
    except (ValidationError, ShapeError):
        return None


def invalid_spec(mistakes: list[Mistake]) -> InvalidInput:
    """The error of a spec with these mistakes, of which the first MAX_MISTAKES are told."""
    count = len(mistakes)
    more = f"; the first {MAX_MISTAKES} are listed" if count > MAX_MISTAKES else ""
    detail = f"The job spec has {counted(count, 'mistake')}{more}."
    return InvalidInput(detail, mistakes[:MAX_MISTAKES])


def readable_model(data: object, types: Types = NO_TYPES) -> Expansion:
    """The model of a spec that may be wrong, with an ``UnreadLayer`` for each layer that is."""
    model = data.get("model") if isinstance(data, dict) else None
    written = model if isinstance(model, dict) else {}
    layers, blocks = written.get("layers"), written.get("blocks")
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        layers = []
    if not isinstance(blocks, dict) or len(blocks) > MAX_BLOCKS:
        blocks = {}
    return expand(
        [_readable_layer(item, types) for item in layers],
        {name: _readable_block(item) for name, item in blocks.items() if isinstance(name, str)},
        types,
    )


def _readable_layer(item: object, types: Types) -> Layer:
    try:
        return _LAYER.validate_python(item, context=types)
    except ValidationError:
        return outline_of(item)


def _readable_block(item: object) -> Block | None:
    try:
        return Block.model_validate(item)
    except ValidationError:
        return None
