"""What a check warns of: specs that are valid and most likely not meant so."""

from __future__ import annotations

from collections import Counter

from trainyard.spec.definitions.augmentations import DefinedAugmentation
from trainyard.spec.definitions.layers import DefinedLayer
from trainyard.spec.facts import DatasetFacts
from trainyard.spec.folding import foldable_types
from trainyard.spec.graph import Graph, Node
from trainyard.spec.losses.base import Loss
from trainyard.spec.patterns import matches, names_of
from trainyard.spec.suggest import counted
from trainyard.spec.training import TrainingSpec

DEFAULT_NORMALISATION = (
    "no preprocess given: pictures are normalised with the mean and deviation of the training "
    "split, by channel"
)
_DEEP = 10  # layers with matrices, from which on a network without normalisation is told
_PARAMETERS_PER_SAMPLE = 1000
_PARAMETER_NAMES = ("weight", "bias")
_LEAVE_SIGNS = {"identity", "dropout", "alpha_dropout", "dropout2d", "dropout3d"}
_PROBABILITIES = frozenset({"softmax", "softmax2d", "softmin", "sigmoid", "hardsigmoid"})
_NARROW = _PROBABILITIES | {
    "log_softmax", "log_sigmoid", "relu", "relu6", "tanh", "hardtanh", "softsign", "softplus",
    "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
}  # fmt: skip


def warnings_of(training: TrainingSpec, facts: DatasetFacts, graph: Graph) -> list[str]:
    """All warnings, in plain words."""
    return [
        *_of_batches(training, facts, graph),
        *_of_outputs(training, facts, graph),
        *_of_depth(graph),
        *_of_size(facts, graph),
        *_of_rate(training),
        *_of_patterns(training, graph),
        *_of_masks(training, facts),
    ]


def _of_batches(training: TrainingSpec, facts: DatasetFacts, graph: Graph) -> list[str]:
    found = []
    if training.preprocess is None:
        found.append(DEFAULT_NORMALISATION)
    if training.batch_size == 1 and any(n.type.startswith("batch_norm") for n in graph.nodes):
        found.append("batch normalisation with batch_size 1 has nothing to take statistics of")
    if facts.num_train is not None and training.batch_size > facts.num_train:
        found.append(
            f"batch_size {training.batch_size} is larger than the training split of "
            f"{counted(facts.num_train, 'sample')}: every batch holds all of it"
        )
    return found


def _of_outputs(training: TrainingSpec, facts: DatasetFacts, graph: Graph) -> list[str]:
    """What keeps the scores from being of any sign and size, as the loss wants them."""
    loss = training.loss
    by_name = {node.name: node for node in graph.nodes}
    last = by_name[graph.output]
    while last.type in _LEAVE_SIGNS and last.inputs[0] in by_name:
        last = by_name[last.inputs[0]]
    if last.type not in _narrowing(loss, foldable_types(facts.task, loss.takes)):
        return []
    place = ", before what is folded" if graph.folded_softmax else ""
    return [
        f'the model ends in {last.type} (layer "{last.name}"{place}), but {loss.type} expects '
        "raw scores (logits) of any sign"
    ]


def _narrowing(loss: Loss, foldable: tuple[str, ...]) -> frozenset[str]:
    """The types of layers that a model should not end in before this loss."""
    if loss.type == "hinge":
        return _PROBABILITIES
    if not foldable:
        return frozenset()
    # Twice the logarithm of a softmax is the same as once.
    return _NARROW - {"log_softmax"} if "log_softmax" in foldable else _NARROW


def _of_depth(graph: Graph) -> list[str]:
    deep = [node for node in graph.nodes if node.num_params]
    if any(map(_normalises, graph.nodes)) or len(deep) < _DEEP:
        return []
    return [
        f"{len(deep)} layers with weights and no normalisation: such a deep model is slow to train "
        f"or does not; {_normalisation_for(deep)} helps"
    ]


def _normalises(node: Node) -> bool:
    """Whether the layer divides by a deviation, be it built in or the job's own."""
    if not isinstance(node.layer, DefinedLayer):
        return "norm" in node.type
    steps = node.layer.lowered(node.input_shapes[0]).forward.steps
    read = {step.function.name for step in steps if step.function}
    return bool(read & {"var", "std"}) or {"mean", "sqrt"} <= read


def _normalisation_for(deep: list[Node]) -> str:
    """The layer that fits most of these, and where it goes."""
    kinds = Counter((len(node.output_shape), "conv" in node.type) for node in deep)
    (rank, is_convolution), _ = kinds.most_common(1)[0]
    if rank == 2 and not is_convolution:  # steps of vectors
        return "layer_norm after each layer"
    place = "convolution" if is_convolution else "linear layer"
    return f"batch_norm{max(rank - 1, 1)}d after each {place}"


def _of_size(facts: DatasetFacts, graph: Graph) -> list[str]:
    num_train = facts.num_train
    if not num_train or graph.num_params <= _PARAMETERS_PER_SAMPLE * num_train:
        return []
    return [
        f"{graph.num_params:,} parameters for {num_train:,} training samples: far more than the "
        "data can settle; a smaller model, augmentation or weight decay helps"
    ]


def _of_rate(training: TrainingSpec) -> list[str]:
    optimizer = training.optimizer
    if optimizer.lr <= optimizer.unusual_lr:
        return []
    return [
        f"a learning rate of {optimizer.lr:g} is unusually high for {optimizer.type}: more than "
        f"{optimizer.unusual_lr:g} seldom trains"
    ]


def _of_patterns(training: TrainingSpec, graph: Graph) -> list[str]:
    """Patterns that fit no layer; parameters of other names are known only to torch."""
    names = [
        name
        for node in graph.nodes
        if node.num_params
        for parameter in _PARAMETER_NAMES
        for name in names_of(node.name, node.type, parameter)
    ]
    patterns = {f"optimizer/groups/{i}": g.match for i, g in enumerate(training.optimizer.groups)}
    patterns |= {f"freeze/{i}": pattern for i, pattern in enumerate(training.freeze)}
    return [
        f"the pattern {pattern!r} (/training/{place}) fits no layer with weights"
        for place, pattern in patterns.items()
        if not matches(pattern, names)
    ]


def _of_masks(training: TrainingSpec, facts: DatasetFacts) -> list[str]:
    """Own augmentations see pictures alone: what moves pixels would part them from their masks."""
    if facts.task != "segmentation":
        return []
    return [
        f"{step.type} changes pictures and leaves masks as they are: one that moves pixels would "
        f"part the two (/training/augment/{place})"
        for place, step in enumerate(training.augment)
        if isinstance(step, DefinedAugmentation)
    ]
