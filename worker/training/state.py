"""Everything that changes in a training: copied out of a run, and put back into one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load

from worker.training import checkpoint
from worker.training import device as devices
from worker.training.device import Tensors
from worker.training.position import Position
from worker.training.snapshot import Snapshot

if TYPE_CHECKING:
    from worker.training.run import Run


def snapshot_of(run: Run, *, is_best: bool = False, for_resume: bool = False) -> Snapshot:
    """Everything of now; ``is_best`` also keeps the weights for the end."""
    position = run.position
    document = {
        "position": asdict(position) | {"window_sizes": list(run.window.sizes)},
        "generators": checkpoint.host_generators(),
        "scaler": run.scaler.state_dict(),
        "threads": torch.get_num_threads(),
        "precision": str(run.dtype).removeprefix("torch."),
        "best_is_here": is_best,
    }
    weights, _ = devices.to_host(_inferring(run), run.device)
    state, arrive = devices.to_host(_state(run), run.device)
    earlier_best = None if is_best else run.best_weights
    if is_best:
        run.best_weights = weights
    return Snapshot(
        step=position.step,
        epoch=position.epoch if position.step_in_epoch else position.epoch - 1,
        weights=weights,
        state=state,
        document=document,
        best=earlier_best,
        is_best=is_best,
        metric_value=position.best.value if is_best and position.best else None,
        for_resume=for_resume,
        arrive=arrive,
    )


def _inferring(run: Run) -> Tensors:
    """The weights to infer with: the mean ones where there are such."""
    return run.average.mean if run.average else run.network.state_dict()


def _state(run: Run) -> Tensors:
    """Every tensor that the rest of the training depends on, but those to infer with."""
    return {
        **checkpoint.pack_optimizer(run.optimizer),
        **checkpoint.pack_generators(run.device),
        **(checkpoint.pack_weights_in_work(run.network) if run.average else {}),
        "window.losses": run.window.losses,
        "window.sums": run.window.sums,
    }


def restore(run: Run, weights: bytes, state: bytes) -> None:
    """Goes on from a checkpoint of the same spec and data, exactly.

    In its precision and with its number of threads, whatever this machine would choose.
    """
    checkpoint.take_over_threads(state)
    tensors, document = checkpoint.unpack_state(state)
    checkpoint.unpack_weights(run.network, weights)
    if run.average is not None:
        run.weights_changed()
        checkpoint.unpack_weights_in_work(run.network, tensors)
    checkpoint.unpack_optimizer(run.optimizer, tensors)
    checkpoint.set_host_generators(document["generators"])
    checkpoint.unpack_generators(tensors, run.device)
    run.dtype = devices.choose_precision(document["precision"], run.device)
    run.scaler.load_state_dict(document["scaler"])
    run.window.losses.copy_(tensors["window.losses"])
    run.window.sums.copy_(tensors["window.sums"])
    run.position = Position.from_json(document["position"])
    run.window.sizes = list(run.position.window_sizes)
    best = load(weights) if document["best_is_here"] else checkpoint.unpack_best(tensors)
    run.best_weights = best or None
