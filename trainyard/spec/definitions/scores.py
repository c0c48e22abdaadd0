"""What losses and metrics read: what a classifier gave, and what was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import on_tensors
from trainyard.spec.language.tree import Node
from trainyard.spec.language.values import BATCH, Const, Scalar, Tensor, Value, axes_text

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor

PER_CLASS = ("logits", "probs", "log_probs", "one_hot")
PER_SAMPLE = ("target", "p_true", "log_p_true")
SCORE_NAMES = (*PER_CLASS, *PER_SAMPLE, "N", "K")


def score_program(
    tree: Node, args: Mapping[str, Value], num_classes: int, *, of_samples: bool
) -> Program:
    """The program of a loss, or of a metric, which may give a value for each sample.

    Raises:
        LanguageError: it does not fit, or gives something else.
    """
    names: dict[str, Value] = {**args, "N": Scalar(is_batch=True), "K": Const(num_classes)}
    names |= dict.fromkeys(PER_CLASS, Tensor((BATCH, num_classes)))
    names |= dict.fromkeys(PER_SAMPLE, Tensor((BATCH,)))
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


def on_scores(make: Callable[[int], Program]) -> Callable[[TorchTensor, TorchTensor], Any]:
    """A function of logits (N, K) and class indices (N,) that runs the program for K classes."""
    made: dict[int, tuple[Program, Any]] = {}

    def function(logits: TorchTensor, target: TorchTensor) -> Any:
        num_classes = logits.shape[1]
        if num_classes not in made:
            program = make(num_classes)
            made[num_classes] = program, on_tensors(program)
        program, run = made[num_classes]
        return run(_scores(logits, target, frozenset(program.inputs)))

    return function


def _scores(logits: TorchTensor, target: TorchTensor, asked: frozenset[str]) -> dict[str, Any]:
    """Those of the names that are asked for."""
    from torch.nn.functional import one_hot

    found: dict[str, Any] = {"logits": logits, "N": float(len(logits))}
    if "target" in asked:
        found["target"] = target.to(logits.dtype)
    if "probs" in asked:
        found["probs"] = logits.softmax(dim=1)
    if "one_hot" in asked:
        found["one_hot"] = one_hot(target, logits.shape[1]).to(logits.dtype)
    if asked & {"log_probs", "log_p_true", "p_true"}:
        found["log_probs"] = logits.log_softmax(dim=1)
        found["log_p_true"] = found["log_probs"].gather(1, target[:, None])[:, 0]
    if "p_true" in asked:
        found["p_true"] = found["log_p_true"].exp()
    return found
