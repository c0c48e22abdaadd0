"""The ``definitions`` of a job spec: how a user's own parts are written."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
)

from trainyard.spec.component import NAME_PATTERN, OneOf
from trainyard.spec.definitions.expressions import Expression, SizeExpression, Update
from trainyard.spec.fields import Own, expected
from trainyard.spec.initializers import INITIALIZERS, Constant, Initializer
from trainyard.spec.language.limits import MAX_CONSTANT, MAX_ITEMS, MAX_RANK

MAX_DEFINITIONS = 100  # of one kind
MAX_ARGS = 50
MAX_LENGTH = 2**31 - 1
ARG_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,49}$"


def is_number(value: Any) -> bool:
    """A JSON number of moderate size; booleans are none."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= MAX_CONSTANT  # false of nan; integers of any length are compared
    )


def validate_arg(value: Any) -> Any:
    """A number, true or false, or a list of numbers: the sides of a window, weights of classes."""
    if is_number(value) or isinstance(value, bool):
        return value
    is_list = isinstance(value, list | tuple) and 1 <= len(value) <= MAX_ITEMS
    if is_list and all(is_number(item) for item in value):
        return tuple(value)
    raise expected(f"a number, true or false, or a list of at most {MAX_ITEMS} numbers")


_NUMBER = {"type": "number", "minimum": -MAX_CONSTANT, "maximum": MAX_CONSTANT}
_LIST = {"type": "array", "items": _NUMBER, "minItems": 1, "maxItems": MAX_ITEMS}
ARG_SCHEMA = {"anyOf": [_NUMBER, {"type": "boolean"}, _LIST]}


def _write_arg(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


ArgValue = Annotated[Any, Own(validate_arg, ARG_SCHEMA, _write_arg)]


def _names(pattern: str) -> dict[str, Any]:
    return {"propertyNames": {"pattern": pattern}}


Args = Annotated[
    dict[Annotated[str, Field(pattern=ARG_PATTERN)], ArgValue],
    Field(max_length=MAX_ARGS, json_schema_extra=_names(ARG_PATTERN)),
]


_MAX_START = 1e9  # as of the initialiser


def _number_as_constant(value: Any) -> Any:
    if not is_number(value):
        return value
    if abs(value) > _MAX_START:
        raise expected(f"a number of at most {_MAX_START:g}, or an initialiser")
    return Constant(val=float(value))


def _or_number(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [*schema["anyOf"], _NUMBER]


def _validate_start(value: Any) -> Any:
    if is_number(value) or value in STARTS:
        return value
    raise expected("zeros, ones, p, or a number")


STARTS = ("zeros", "ones", "p")
StateStart = Annotated[Any, Own(_validate_start, {"anyOf": [_NUMBER, {"enum": list(STARTS)}]})]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    description: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=2000)] = ""
    """What it is, for people."""
    args: Args = {}
    """Arguments and their defaults: numbers, true or false, or lists of numbers."""


class Parameter(BaseModel):
    """A tensor that is trained."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    shape: Annotated[list[SizeExpression], Field(max_length=MAX_RANK)]
    """Lengths of its axes: numbers, arguments, `C`, `H`, `W`, or expressions of them."""
    init: Annotated[
        Initializer,
        OneOf(INITIALIZERS, by_name=True),
        BeforeValidator(_number_as_constant),
        Field(json_schema_extra=_or_number),
    ]
    """How it starts: a number, or an initialiser by name."""

    @field_serializer("init")
    def _number_of_constant(self, init: Initializer) -> Any:
        """As it was written: an own initialiser may be called `constant`."""
        return init.val if type(init) is Constant else init.model_dump(mode="json")


class LayerDefinition(_Part):
    """A layer: what it makes of `x`."""

    params: Annotated[
        dict[Annotated[str, Field(pattern=ARG_PATTERN)], Parameter],
        Field(max_length=MAX_ARGS, json_schema_extra=_names(ARG_PATTERN)),
    ] = {}
    """Tensors that are trained, by name."""
    forward: Expression
    """The output, of `x` (N, C, H, W), arguments, params and the sizes `C`, `H`, `W`."""
    backward: Expression | dict[str, Expression] | None = None
    """The gradient of `x`, of `grad`, that of the output, and what `forward` may read, and `y`,
    the output. Or an object with one for `x` and for params. Absent: autograd's."""
    surrogate: bool = False
    """Whether `backward` is meant to differ from the true gradient."""


class ActivationDefinition(LayerDefinition):
    """A function of each value: a layer that keeps the shape of `x`."""


class LossDefinition(_Part):
    """What is minimised: one number a batch."""

    forward: Expression
    """A scalar, of what the task has. Numbers: `output` and `target` (N, K), in units of the
    targets' deviation. Labels: `logits`, `probs` and `target` (N, K), 0 or 1. Classes: `logits`,
    `probs`, `log_probs` and `one_hot` (N, K), `target`, the index, `p_true` and `log_p_true` (N).
    Masks: the same as (N, K, H, W) and (N, H, W). The sizes are `N`, `K`, `H` and `W`."""


class MetricDefinition(_Part):
    """What is measured: one number a batch, or one a sample."""

    forward: Expression
    """A value for each sample, or one for the batch, of the names that a loss may read; numbers are
    in the dataset's units. A split's figure is the mean over its samples: a batch's one value
    counts once for each of them."""
    higher_is_better: bool = True
    """What «best» means where it is monitored."""


class OptimizerDefinition(_Part):
    """What makes updates of gradients."""

    state: Annotated[
        dict[Annotated[str, Field(pattern=ARG_PATTERN)], StateStart],
        Field(max_length=10, json_schema_extra=_names(ARG_PATTERN)),
    ] = {}
    """Values that are kept for each weight: how they start, `zeros`, `ones`, `p` or a number."""
    update: Annotated[list[Update], Field(min_length=1, max_length=30)]
    """Assignments in order, to `p`, the weights, to the state or to a name of their own; `g` is
    the gradient, `lr` the scheduled rate, `step` counts from 1."""


class ScheduleDefinition(_Part):
    """The learning rate by step, as a factor of `lr`."""

    forward: Expression
    """The factor, of `progress` from 0 to 1, `step` and `steps`, `epoch` and `epochs`."""


class AugmentationDefinition(_Part):
    """A random change of training pictures."""

    forward: Expression
    """The new batch, of `x` (N, C, H, W) in raw values, and `sample` (N, 1, 1, 1), all ones."""


class InitializerDefinition(_Part):
    """How weights start."""

    forward: Expression
    """Their values, of `w`, zeros in their shape, `fan_in`, `fan_out`; `randn_like(w)` draws."""


D = TypeVar("D", bound=_Part)
Section = Annotated[
    dict[Annotated[str, Field(pattern=NAME_PATTERN)], D],
    Field(max_length=MAX_DEFINITIONS, json_schema_extra=_names(NAME_PATTERN)),
]


class Definitions(BaseModel):
    """Own parts of the framework, for this job alone. Each name becomes a `type`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    activations: Section[ActivationDefinition] = {}
    """Functions of each value: layers, and `activation` of layers."""
    layers: Section[LayerDefinition] = {}
    """Layers, poolings, normalisations."""
    losses: Section[LossDefinition] = {}
    """What is minimised."""
    optimizers: Section[OptimizerDefinition] = {}
    """What makes updates of gradients."""
    schedules: Section[ScheduleDefinition] = {}
    """Learning rates by step."""
    metrics: Section[MetricDefinition] = {}
    """What is measured."""
    augmentations: Section[AugmentationDefinition] = {}
    """Random changes of training pictures."""
    initializers: Section[InitializerDefinition] = {}
    """How weights start."""

    @model_serializer(mode="wrap")
    def _without_empty_sections(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: section for name, section in write(self).items() if section}
