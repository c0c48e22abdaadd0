"""One training under way: the parts that change with each step, and the step itself.

What a checkpoint holds is exactly what changes here. When to report, evaluate or end is decided
by ``loop.py``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from trainyard.spec.preprocess import Statistics, affine
from trainyard.spec.training import TrainingSpec
from worker.training import checkpoint
from worker.training import device as devices
from worker.training.augment import augmenter
from worker.training.build import build
from worker.training.data import Preprocessing, Samples, epoch_order
from worker.training.metrics import Accumulator
from worker.training.position import Position
from worker.training.protocol import CheckpointFile, Split

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


class Run:
    """Network, optimizer, data and position of one training.

    Attributes:
        steps_per_epoch, num_steps: optimizer steps; each takes ``accumulate`` batches.
        gradient_norm: of the last step, before clipping; None where nothing is clipped.
    """

    def __init__(
        self,
        training: TrainingSpec,
        graph: Graph,
        train_split: Split,
        statistics: Statistics,
        device: torch.device,
    ) -> None:
        self.training = training
        self.device = device
        self.dtype = devices.choose_precision(training.precision, device)
        self.network = build(graph).to(device)
        folded = affine(training.preprocess, statistics, dtype=str(train_split.x.dtype))
        self.preprocess = Preprocessing(folded, graph.input_shape).to(device)
        self.augment = augmenter(training.augment)
        self.optimizer = training.optimizer.build(self.network.parameters(), fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self.loss_function = training.loss.build()
        self.samples = Samples(train_split, device, devices.resident_bytes(device))
        self.batch_size = min(training.batch_size, len(self.samples))
        # A last batch of one sample is left out: batch normalisation learns nothing from it.
        rest = len(self.samples) % self.batch_size
        self.num_used = len(self.samples) - (rest if rest == 1 else 0)
        self.step_size = self.batch_size * training.accumulate
        self.steps_per_epoch = -(-self.num_used // self.step_size)
        self.num_steps = training.epochs * self.steps_per_epoch
        self.interval = training.report_interval(self.num_steps)
        capacity = min(self.interval, self.steps_per_epoch)
        self.window = Accumulator(training, capacity, device)
        self.position = Position()
        self.best_weights: bytes | None = None
        self.gradient_norm: Tensor | None = None
        self._order_epoch = 0

    @property
    def is_report_due(self) -> bool:
        """After the first step, every ``interval`` steps, and after the last of an epoch."""
        position = self.position
        return (
            position.step == 1
            or position.step % self.interval == 0
            or position.step_in_epoch == self.steps_per_epoch
        )

    @property
    def last_lr(self) -> float:
        """The learning rate of the last step."""
        lr: float = self.optimizer.param_groups[0]["lr"]
        return lr

    def first_diverged_step(self) -> int | None:
        """The first step since the last report whose loss is not finite. Waits for the device."""
        index = self.window.first_non_finite()
        if index is None:
            return None
        return self.position.step - len(self.window.sizes) + 1 + index

    def epoch_means(self) -> dict[str, float]:
        """Means over the steps of this epoch that have been reported."""
        return self.position.epoch_totals.means("train", self.training.metrics)

    def step(self) -> None:
        """One optimizer step on the next samples of the epoch's order."""
        position = self.position
        if self._order_epoch != position.epoch:
            self._order_epoch = position.epoch
            self._order = epoch_order(len(self.samples), self.training.seed, position.epoch)
        start = position.step_in_epoch * self.step_size
        stop = min(start + self.step_size, self.num_used)
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr()
        self._set_gradients(start, stop)
        self._update()
        position.step_in_epoch += 1
        position.step += 1

    def _lr(self) -> float:
        training = self.training
        return training.schedule.learning_rate(
            training.optimizer.lr, self.position.step, self.steps_per_epoch, self.num_steps
        )

    def outputs(self, inputs: Tensor) -> Tensor:
        """What the network gives in the precision of this training, as float32."""
        with devices.autocast(self.device, self.dtype):
            outputs: Tensor = self.network(inputs)
        return outputs.float()

    def _set_gradients(self, start: int, stop: int) -> None:
        """Gradients of the mean loss over samples ``start`` to ``stop``, a batch at a time."""
        losses = []
        for first in range(start, stop, self.batch_size):
            indices = self._order[first : min(first + self.batch_size, stop)]
            raw, targets = self.samples.batch(indices)
            outputs = self.outputs(self.preprocess(self.augment(raw)))
            # The mean over the step: each batch counts by its share of the samples.
            loss = self.loss_function(outputs, targets) * (len(indices) / (stop - start))
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.window.add_outputs(outputs, targets)
            losses.append(loss.detach())
        self.window.add_batch(torch.stack(losses).sum(), stop - start)

    def _update(self) -> None:
        limit = self.training.clip_gradient_norm
        if limit is not None:
            self.scaler.unscale_(self.optimizer)
            self.gradient_norm = clip_grad_norm_(self.network.parameters(), limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def checkpoint(self, *, is_best: bool = False) -> CheckpointFile:
        """Everything of now; ``is_best`` also keeps the weights for the end."""
        position = self.position
        weights = checkpoint.pack_weights(self.network, step=position.step)
        if is_best:
            self.best_weights = weights
        value = position.best.value if is_best and position.best else None
        epoch = position.epoch if position.step_in_epoch else position.epoch - 1
        state = self._state(best_is_here=is_best)
        return CheckpointFile(position.step, epoch, weights, state, is_best, value)

    def _state(self, *, best_is_here: bool) -> bytes:
        generators, generator_document = checkpoint.pack_generators(self.device)
        self.position.window_sizes = list(self.window.sizes)
        tensors = {
            **checkpoint.pack_optimizer(self.optimizer),
            **generators,
            "window.losses": self.window.losses,
            "window.sums": self.window.sums,
        }
        if self.best_weights is not None and not best_is_here:
            tensors["best"] = checkpoint.bytes_tensor(self.best_weights)
        document = {
            "position": asdict(self.position),
            "generators": generator_document,
            "scaler": self.scaler.state_dict(),
            "best_is_here": best_is_here,
        }
        return checkpoint.pack_state(tensors, document)

    def restore(self, weights: bytes, state: bytes) -> None:
        """Goes on from a checkpoint of the same spec and data, exactly."""
        tensors, document = checkpoint.unpack_state(state)
        checkpoint.unpack_weights(self.network, weights)
        checkpoint.unpack_optimizer(self.optimizer, tensors)
        checkpoint.unpack_generators(tensors, document["generators"], self.device)
        self.scaler.load_state_dict(document["scaler"])
        self.window.losses.copy_(tensors["window.losses"])
        self.window.sums.copy_(tensors["window.sums"])
        self.position = Position.from_json(document["position"])
        self.window.sizes = list(self.position.window_sizes)
        if document["best_is_here"]:
            self.best_weights = weights
        elif "best" in tensors:
            self.best_weights = tensors["best"].numpy().tobytes()
