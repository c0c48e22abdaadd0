"""Every plugin's exporter over a trained network; what the exporters are stands in
``trainyard.exporters``."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable

from torch import nn

from trainyard.exporters import EXPORTERS, TrainedModel
from worker.training.nearest_mean import with_logits
from worker.training.protocol import Goal


def export_all(
    network: nn.Module,
    preprocessing: nn.Module,
    input_shape: tuple[int, ...],
    goal: Goal,
    ending: nn.Module,
    *,
    dtype: str,
    tell_failure: Callable[[str], None],
) -> dict[str, bytes]:
    """The files by the exporters' names. One that fails is told of and left out: the model is
    trained, and the other files are good."""
    files = {}
    for name, exporter in EXPORTERS.items():
        model = TrainedModel(
            network=with_logits(copy.deepcopy(network)).cpu().eval(),
            preprocessing=copy.deepcopy(preprocessing).cpu().eval(),
            input_shape=input_shape,
            dtype=dtype,
            class_names=list(goal.names),
            task=goal.task,
            ending=copy.deepcopy(ending).cpu().eval(),
        )
        try:
            files[name] = bytes(exporter.export(model))
        except Exception as error:  # noqa: BLE001  whatever a stranger's code does
            traceback.print_exc()
            tell_failure(f"The export as {name} failed: {type(error).__name__}.")
    return files
