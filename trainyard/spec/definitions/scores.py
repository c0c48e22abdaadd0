"""What losses and metrics read, by task: what a model gave, and what was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import on_tensors
from trainyard.spec.language.tree import Name, Node, bottom_up, names_in
from trainyard.spec.language.values import BATCH, Const, Scalar, Tensor, Value, axes_text
from trainyard.spec.shapes import Shape
from trainyard.spec.suggest import shown

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor

_PER_CLASS = ("logits", "probs", "log_probs", "one_hot")
_PER_PLACE = ("target", "p_true", "log_p_true")
_OF_CLASSES = (*_PER_CLASS, *_PER_PLACE)
_OF_NUMBERS = ("output", "target")
NAMES_OF_TASK: Mapping[str, tuple[str, ...]] = {
    "classification": _OF_CLASSES,
    "multi-label": ("logits", "probs", "target"),
    "segmentation": _OF_CLASSES,
    "regression": _OF_NUMBERS,
    "forecasting": _OF_NUMBERS,
}
SCORE_NAMES = ("output", *_OF_CLASSES, "N", "K", "H", "W")


def score_names(task: str, output_shape: Shape) -> dict[str, Value]:
    """What a loss or metric of the task reads where the model gives ``output_shape`` a sample.

    Of classes (K,) or (K, H, W), `target`, `p_true` and `log_p_true` have one value for each
    sample or pixel; all else has the model's shape.
    """
    whole, places = Tensor((BATCH, *output_shape)), Tensor((BATCH, *output_shape[1:]))
    reads = NAMES_OF_TASK[task]
    of_classes = reads == _OF_CLASSES
    names: dict[str, Value] = {
        name: places if of_classes and name in _PER_PLACE else whole for name in reads
    }
    sizes = zip(("K", "H", "W"), output_shape, strict=False)
    return names | {"N": Scalar(is_batch=True)} | {name: Const(size) for name, size in sizes}


def score_program(
    tree: Node, args: Mapping[str, Value], task: str, output_shape: Shape, *, of_samples: bool
) -> Program:
    """The program of a loss, or of a metric, which may give a value for each sample.

    Raises:
        LanguageError: it does not fit, or gives something else.
    """
    names = {**args, **score_names(task, output_shape)}
    _require_names_of(task, tree, names)
    program = lower(tree, names)
    value = program.value
    shape = value.shape if isinstance(value, Tensor) else None
    if shape != () and not (of_samples and shape == (BATCH,)):
        got = (
            "a number that no output decides" if shape is None else f"the shape {axes_text(shape)}"
        )
        message = f"forward gives {got}"
        wanted = "one number, such as a mean"
        raise LanguageError(message, wanted + (", or one a sample" if of_samples else ""), got)
    return program


def _require_names_of(task: str, tree: Node, names: Mapping[str, Value]) -> None:
    """That it reads no name which only other tasks have."""
    for node in bottom_up(tree):
        if isinstance(node, Name) and node.name in SCORE_NAMES and node.name not in names:
            given = ", ".join(name for name in SCORE_NAMES if name in names)
            message = f"there is no {shown(node.name)} in {task}, whose names are {given}"
            raise LanguageError(message, f"one of {given}", shown(node.name), column=node.column)


def on_scores(
    tree: Node, make: Callable[[str, Shape], Program]
) -> Callable[[TorchTensor, TorchTensor], Any]:
    """A function of outputs and targets as the task has them, which runs the program for these.

    ``make`` gives it of task and shape. The task shows in what stands there: class indices have
    an axis less than outputs, and of what has the same shape only numbers are read as `output`.
    """
    reads = names_in(tree)
    made: dict[tuple[str, Shape], tuple[Program, Any]] = {}

    def function(outputs: TorchTensor, target: TorchTensor) -> Any:
        shape = tuple(outputs.shape[1:])
        if target.dim() < outputs.dim():
            task = "classification" if len(shape) == 1 else "segmentation"
        else:
            task = "regression" if "output" in reads else "multi-label"
        if (task, shape) not in made:
            program = make(task, shape)
            made[task, shape] = program, on_tensors(program)
        program, run = made[task, shape]
        return run(_scores(task, outputs, target, frozenset(program.inputs)))

    return function


def _scores(
    task: str, outputs: TorchTensor, target: TorchTensor, asked: frozenset[str]
) -> dict[str, Any]:
    """Those of the names that are asked for."""
    found: dict[str, Any] = {"N": float(len(outputs)), "target": target.to(outputs.dtype)}
    if NAMES_OF_TASK[task] == _OF_NUMBERS:
        return found | {"output": outputs}
    found["logits"] = outputs
    if task == "multi-label":
        return found | ({"probs": outputs.sigmoid()} if "probs" in asked else {})
    return found | _of_classes(outputs, target, asked)


def _of_classes(
    logits: TorchTensor, target: TorchTensor, asked: frozenset[str]
) -> dict[str, TorchTensor]:
    """Of logits (N, K, …) and class indices (N, …)."""
    from torch.nn.functional import one_hot

    found = {}
    if "probs" in asked:
        found["probs"] = logits.softmax(dim=1)
    if "one_hot" in asked:
        found["one_hot"] = one_hot(target, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    if asked & {"log_probs", "log_p_true", "p_true"}:
        found["log_probs"] = logits.log_softmax(dim=1)
        found["log_p_true"] = found["log_probs"].gather(1, target.unsqueeze(1)).squeeze(1)
    if "p_true" in asked:
        found["p_true"] = found["log_p_true"].exp()
    return found
