"""One training under way: the parts that change with each step, and the step itself.

What a checkpoint holds is exactly what changes here. When to report, evaluate or end is decided
by ``loop.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from trainyard.spec.preprocess import Statistics, affine
from trainyard.spec.training import TrainingSpec
from worker.training import checkpoint
from worker.training import device as devices
from worker.training.augment import augmenter
from worker.training.averaging import Average
from worker.training.build import build
from worker.training.colours import after_colours
from worker.training.data import Preprocessing, Samples, epoch_order
from worker.training.device import Tensors
from worker.training.groups import freeze, parameter_groups
from worker.training.metrics import Accumulator
from worker.training.mixing import mixed
from worker.training.nearest_mean import add_nearest_mean
from worker.training.position import Position
from worker.training.protocol import Split
from worker.training.snapshot import Snapshot

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


class Run:
    """Network, optimizer, data and position of one training.

    Attributes:
        steps_per_epoch, num_steps: optimizer steps; each takes ``accumulate`` batches.
        gradient_norm: of the last step, before clipping; None where nothing is clipped.
        average: the running mean of the weights, where the spec asks for one.
        nearest_mean: what makes classes of embeddings, where the loss is of such.
    """

    def __init__(
        self,
        training: TrainingSpec,
        graph: Graph,
        train_split: Split,
        statistics: Statistics,
        device: torch.device,
        num_classes: int,
    ) -> None:
        self.training = training
        self.device = device
        self.dtype = devices.choose_precision(training.precision, device)
        self.network = build(graph).to(device)
        self.nearest_mean = add_nearest_mean(self.network, training, graph, num_classes)
        self._frozen = freeze(self.network, graph, training)
        self._train_mode()
        self.average = Average(self.network, training.ema) if training.ema is not None else None
        self.raw_shape: tuple[int, ...] = train_split.x.shape[1:]
        statistics = after_colours(training.preprocess, train_split, statistics)
        folded = affine(training.preprocess, statistics, dtype=str(train_split.x.dtype))
        self.preprocess = Preprocessing(folded, self.raw_shape, training.geometry()).to(device)
        self.augment = augmenter(training.augment)
        parameters = parameter_groups(self.network, graph, training)
        self.optimizer = training.optimizer.build(parameters, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self.samples = Samples(train_split, device, devices.resident_bytes(device))
        counts = torch.bincount(self.samples.targets, minlength=num_classes).tolist()
        self.loss_function = training.loss.build(class_counts=counts)
        self.batch_size = min(training.batch_size, len(self.samples))
        # A last batch of one sample is left out: batch normalisation learns nothing from it.
        rest = len(self.samples) % self.batch_size
        self.num_used = len(self.samples) - (rest if rest == 1 else 0)
        self.step_size = self.batch_size * training.accumulate
        self.steps_per_epoch = -(-self.num_used // self.step_size)
        self.num_steps = training.epochs * self.steps_per_epoch
        self.interval = training.report_interval(self.num_steps)
        capacity = min(self.interval, self.steps_per_epoch)
        self.window = Accumulator(training.means("train"), capacity, device)
        self.position = Position()
        self.best_weights: Tensors | None = None  # on the host
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
        """The learning rate of the last step, before the factors of parameter groups."""
        group = self.optimizer.param_groups[0]
        return float(group["lr"] / group.get("lr_scale", 1.0))

    def weights_changed(self) -> None:
        """To be called when the weights were replaced: the mean begins with them."""
        if self.average is not None:
            self.average = Average(self.network, self.average.decay)

    def first_diverged_step(self) -> int | None:
        """The first step since the last report whose loss is not finite. Waits for the device."""
        index = self.window.first_non_finite()
        if index is None:
            return None
        return self.position.step - len(self.window.sizes) + 1 + index

    def epoch_means(self) -> dict[str, float]:
        """Means over the steps of this epoch that have been reported."""
        return self.position.epoch_totals.values("train", self.training.means("train"))

    def step(self) -> None:
        """One optimizer step on the next samples of the epoch's order."""
        position = self.position
        if self._order_epoch != position.epoch:
            self._order_epoch = position.epoch
            self._order = epoch_order(len(self.samples), self.training.seed, position.epoch)
        start = position.step_in_epoch * self.step_size
        stop = min(start + self.step_size, self.num_used)
        lr = self._lr()
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        self._set_gradients(start, stop)
        self._update()
        position.step_in_epoch += 1
        position.step += 1
        if self.average is not None:
            self.average.update(self.network, position.step)

    def _lr(self) -> float:
        training, position = self.training, self.position
        lr = training.schedule.learning_rate(
            training.optimizer.lr, position.step, self.steps_per_epoch, self.num_steps
        )
        return lr * position.lr_factor

    def _train_mode(self) -> None:
        """Training mode for all that is trained; what is frozen stays as when it is evaluated."""
        self.network.train()
        for module in self._frozen:
            module.eval()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The network in evaluation mode, with the mean weights where there are such."""
        with self.average.in_place(self.network) if self.average else nullcontext():
            self.network.eval()
            try:
                yield
            finally:
                self._train_mode()

    def outputs(self, inputs: Tensor) -> Tensor:
        """What the network gives in the precision of this training, as float32."""
        with devices.autocast(self.device, self.dtype):
            outputs: Tensor = self.network(inputs)
        return outputs.float()

    def scores(self, outputs: Tensor) -> Tensor:
        """Outputs (N, …) as logits (N, K), of which metrics and reports are."""
        return outputs if self.nearest_mean is None else self.nearest_mean(outputs)

    def _set_gradients(self, start: int, stop: int) -> None:
        """Gradients of the mean loss over samples ``start`` to ``stop``, a batch at a time."""
        losses = []
        for first in range(start, stop, self.batch_size):
            indices = self._order[first : min(first + self.batch_size, stop)]
            raw, targets = self.samples.batch(indices)
            inputs, mix = mixed(self.preprocess(self.augment(raw)), self.training)
            outputs = self.outputs(inputs)
            loss = (
                mix.loss(self.loss_function, outputs, targets)
                if mix
                else (self.loss_function(outputs, targets))
            )
            # The mean over the step: each batch counts by its share of the samples.
            loss = loss * (len(indices) / (stop - start))
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.window.add_outputs(outputs, targets)
            losses.append(loss.detach())
        self.window.add_batch(torch.stack(losses).sum(), stop - start)

    def _update(self) -> None:
        limit, largest = self.training.clip_gradient_norm, self.training.clip_gradient_value
        if limit is not None or largest is not None:
            self.scaler.unscale_(self.optimizer)
        if largest is not None:
            clip_grad_value_(self.network.parameters(), largest)
        if limit is not None:
            self.gradient_norm = clip_grad_norm_(self.network.parameters(), limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def snapshot(self, *, is_best: bool = False, for_resume: bool = False) -> Snapshot:
        """Everything of now; ``is_best`` also keeps the weights for the end."""
        position = self.position
        document = {
            "position": asdict(position) | {"window_sizes": list(self.window.sizes)},
            "generators": checkpoint.host_generators(),
            "scaler": self.scaler.state_dict(),
            "threads": torch.get_num_threads(),
            "precision": str(self.dtype).removeprefix("torch."),
            "best_is_here": is_best,
        }
        weights, _ = devices.to_host(self._inferring(), self.device)
        state, arrive = devices.to_host(self._state(), self.device)
        earlier_best = None if is_best else self.best_weights
        if is_best:
            self.best_weights = weights
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

    def _inferring(self) -> Tensors:
        """The weights to infer with: the mean ones where there are such."""
        return self.average.mean if self.average else self.network.state_dict()

    def _state(self) -> Tensors:
        """Every tensor that the rest of the training depends on, but those to infer with."""
        return {
            **checkpoint.pack_optimizer(self.optimizer),
            **checkpoint.pack_generators(self.device),
            **(checkpoint.pack_weights_in_work(self.network) if self.average else {}),
            "window.losses": self.window.losses,
            "window.sums": self.window.sums,
        }

    def restore(self, weights: bytes, state: bytes) -> None:
        """Goes on from a checkpoint of the same spec and data, exactly.

        In its precision and with its number of threads, whatever this machine would choose.
        """
        checkpoint.take_over_threads(state)
        tensors, document = checkpoint.unpack_state(state)
        checkpoint.unpack_weights(self.network, weights)
        if self.average is not None:
            self.weights_changed()
            checkpoint.unpack_weights_in_work(self.network, tensors)
        checkpoint.unpack_optimizer(self.optimizer, tensors)
        checkpoint.set_host_generators(document["generators"])
        checkpoint.unpack_generators(tensors, self.device)
        self.dtype = devices.choose_precision(document["precision"], self.device)
        self.scaler.load_state_dict(document["scaler"])
        self.window.losses.copy_(tensors["window.losses"])
        self.window.sums.copy_(tensors["window.sums"])
        self.position = Position.from_json(document["position"])
        self.window.sizes = list(self.position.window_sizes)
        best = load(weights) if document["best_is_here"] else checkpoint.unpack_best(tensors)
        self.best_weights = best or None
