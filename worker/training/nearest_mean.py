"""Classes for a network that gives embeddings: the one whose mean embedding is nearest.

Each class is taken for a Gaussian about the mean of its training samples, all of the same width
in every direction. The logarithms of their densities differ by a linear function of the
embedding, so the classifier is a linear layer that is not trained but reckoned. It stands among
the network's tensors, and so in checkpoints and exports too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainyard.spec.losses import SupervisedContrastive
from worker.training.smaller import infer

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph
    from trainyard.spec.training import TrainingSpec
    from worker.training.build import Network
    from worker.training.protocol import Stop
    from worker.training.run import Run

NAME = "nearest_mean"
_NEVER = -1e30  # log density of a class without samples; finite, so that a log loss is a number
_LEAST_VARIANCE = 1e-8
_LARGER = 2  # batches without gradients, as in ``evaluate``


class NearestMean(nn.Module):
    """Embeddings (N, D) → logits (N, K), whose softmax are the classes' probabilities.

    With means m and the variance v of a coordinate about its class's mean, the logit of class k
    is m_k·e / v − |m_k|² / 2v, which is −|e − m_k|² / 2v but for a term that all classes share.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, num_classes: int, length: int, *, unit: bool) -> None:
        super().__init__()
        self.unit = unit
        self.register_buffer("weight", torch.zeros(num_classes, length))
        self.register_buffer("bias", torch.zeros(num_classes))

    def embeddings(self, outputs: Tensor) -> Tensor:
        """What distances are of: outputs, of length 1 where the loss has them so."""
        return functional.normalize(outputs) if self.unit else outputs

    def forward(self, outputs: Tensor) -> Tensor:
        return functional.linear(self.embeddings(outputs), self.weight, self.bias)


def add_nearest_mean(
    network: Network, training: TrainingSpec, graph: Graph, num_classes: int
) -> NearestMean | None:
    """The network's classifier where its loss is of embeddings; None where it is not."""
    if training.loss.takes != "embeddings":
        return None
    unit = isinstance(training.loss, SupervisedContrastive)
    device = next(network.parameters()).device
    made = NearestMean(num_classes, graph.output_shape[0], unit=unit).to(device)
    network.add_module(NAME, made)
    return made


def nearest_mean_of(network: nn.Module) -> NearestMean | None:
    """The classifier of a network that gives embeddings; None of one that gives logits."""
    found = network._modules.get(NAME)
    return found if isinstance(found, NearestMean) else None


def with_logits(network: nn.Module) -> nn.Module:
    """The network as one that gives logits (N, K), whatever it was trained to give."""
    nearest = nearest_mean_of(network)
    return network if nearest is None else nn.Sequential(network, nearest)


def fit_means(run: Run, stop: Stop) -> bool:
    """Reckons the classifier of the weights of now, from all training samples as they are.

    Neither augmented nor mixed, in evaluation mode. False when asked to stop on the way.
    """
    nearest = run.nearest_mean
    assert nearest is not None
    num_classes, length = nearest.weight.shape
    sums = torch.zeros(num_classes, length, dtype=torch.float64, device=run.device)
    squares = torch.zeros((), dtype=torch.float64, device=run.device)
    size = _LARGER * run.batch_size
    with run.evaluating(), torch.inference_mode(), run.samples.in_turn(size) as batches:
        for batch in batches:
            if stop.is_set():
                return False
            inputs, targets = run.prepared(*batch)
            embeddings = nearest.embeddings(infer(run, inputs)).double()
            sums += functional.one_hot(targets, num_classes).double().T @ embeddings
            squares += embeddings.square().sum()
    counts = torch.bincount(run.samples.targets, minlength=num_classes)
    _put(run, nearest, *_classifier(sums, squares, counts))
    return True


def _put(run: Run, nearest: NearestMean, weight: Tensor, bias: Tensor) -> None:
    """Into the weights in work, and into the mean ones where there are such."""
    nearest.weight.copy_(weight)
    nearest.bias.copy_(bias)
    if run.average is not None:
        own = nearest.state_dict(prefix=f"{NAME}.")
        run.average.mean.update({name: tensor.clone() for name, tensor in own.items()})


def _classifier(sums: Tensor, squares: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (K, D) and bias (K,) of sums by class, the sum of all squares, and samples by class.

    The squares about the means are Σ|e|² − Σ n_k |m_k|².
    """
    means = sums / counts.clamp(min=1)[:, None]
    lengths = means.square().sum(dim=1)
    spread = squares - (counts * lengths).sum()
    variance = (spread / (counts.sum() * means.shape[1])).clamp(min=_LEAST_VARIANCE)
    bias = torch.where(counts > 0, -lengths / (2 * variance), _NEVER)
    return means / variance, bias
