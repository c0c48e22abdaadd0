"""The kinds of file that a trained model can be had as, beside the built-in ones.

An exporter comes from a plugin (``plugins.py``). The worker runs every one at the end of a job and
stores its file as ``model.<name>``; the API serves it as ``format=<name>`` and needs only its
name, media type and suffix, so torch is imported within ``export`` and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn

BUILT_IN = ("bundle", "safetensors", "onnx")


@dataclass(frozen=True)
class TrainedModel:
    """What an exporter is given: a copy of its own, on the CPU, in float32, for evaluation.

    ``preprocessing`` takes raw samples (N, *input_shape) float32, 0 to 255 where ``dtype`` is
    uint8; its output goes into ``network``, which gives logits (N, len(class_names)), by pixel
    where ``task`` is segmentation, or numbers. ``ending`` makes probabilities of them, or numbers
    in the dataset's units, which ``class_names`` then names.
    """

    network: nn.Module
    preprocessing: nn.Module
    input_shape: tuple[int, ...]
    dtype: str
    class_names: list[str]
    task: str
    ending: nn.Module


class Exporter(ABC):
    """One kind of file. Its making should take seconds: it is done for every job."""

    name: ClassVar[str]  # what `format` says
    media_type: ClassVar[str]
    suffix: ClassVar[str]  # of the file's name, such as ".pt2"

    @abstractmethod
    def export(self, model: TrainedModel) -> bytes:
        """The file's bytes, for the best weights of a training."""


EXPORTERS: dict[str, Exporter] = {}


def artifact_name(name: str) -> str:
    """Under which name the store keeps what an exporter made."""
    return f"model.{name}"
