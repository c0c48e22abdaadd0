"""One training under way: the parts that change with each step, and the step itself.

What a checkpoint holds is exactly what changes here. When to report, evaluate or end is decided
by ``loop.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from trainyard.spec.preprocess import Statistics
from trainyard.spec.training import TrainingSpec
from worker.training import device as devices
from worker.training.augment import augmenter
from worker.training.averaging import Average
from worker.training.build import build
from worker.training.data import Samples
from worker.training.device import Tensors
from worker.training.goals import as_targets, loss_counts, loss_of, unscaling
from worker.training.groups import freeze, parameter_groups
from worker.training.metrics import Accumulator
from worker.training.mixing import mixed
from worker.training.nearest_mean import add_nearest_mean
from worker.training.position import Position
from worker.training.preparing import preprocessing_of
from worker.training.protocol import Goal, Split
from worker.training.samples import Pass
from worker.training.smaller import in_memory

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


class Run:
    """Network, optimizer, data and position of one training.

    Attributes:
        steps_per_epoch, num_steps: optimizer steps; each takes ``accumulate`` batches.
        gradient_norm: of the last step, before clipping; None where nothing is clipped.
        average: the running mean of the weights, where the spec asks for one.
        why_not_smaller: once memory did not suffice, what forbids batches in parts.
        nearest_mean: what makes classes of embeddings, where the loss is of such.
        unscale: what brings numbers back into the dataset's units, where they are scaled.
        loss_function: of outputs and of targets as ``batch`` gives them.
    """

    def __init__(
        self,
        training: TrainingSpec,
        graph: Graph,
        train_split: Split,
        statistics: Statistics,
        device: torch.device,
        goal: Goal,
    ) -> None:
        self.training, self.goal = training, goal
        self.device = device
        self.dtype = devices.choose_precision(training.precision, device)
        self.network = build(graph).to(device)
        self.nearest_mean = add_nearest_mean(self.network, training, graph, len(goal.names))
        self._frozen = freeze(self.network, graph, training)
        self._train_mode()
        self.average = Average(self.network, training.ema) if training.ema is not None else None
        self.raw_shape: tuple[int, ...] = train_split.x.shape[1:]
        self.preprocess = preprocessing_of(training.preprocess, train_split, statistics, device)
        self.augment = augmenter(training.augment)
        parameters = parameter_groups(self.network, graph, training)
        self.optimizer = training.optimizer.build(parameters, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self.samples = Samples(
            train_split, device, devices.resident_bytes(device), training.shuffle_buffer_bytes
        )
        unscale = unscaling(goal, training)
        self.unscale = None if unscale is None else unscale.to(device)
        loss = training.loss.build(class_counts=loss_counts(goal, train_split.y))
        self.loss_function = loss_of(loss, self.unscale)
        self.batch_size = min(training.batch_size, len(self.samples))
        # A last batch of one sample is left out: batch normalisation learns nothing from it.
        rest = len(self.samples) % self.batch_size
        self.num_used = len(self.samples) - (rest if rest == 1 else 0)
        self.step_size = self.batch_size * training.accumulate
        self.steps_per_epoch = training.steps_per_epoch(len(self.samples))
        self.num_steps = training.epochs * self.steps_per_epoch
        self.interval = training.report_interval(self.num_steps)
        capacity = min(self.interval, self.steps_per_epoch)
        self.window = Accumulator(training.means("train"), capacity, device)
        self.position = Position()
        self.best_weights: Tensors | None = None  # on the host
        self.gradient_norm: Tensor | None = None
        self.why_not_smaller: str | None = None
        self.output_shape = graph.output_shape
        self._pass: Pass | None = None  # over the samples, in the order of ``_pass_epoch``
        self._pass_epoch = 0

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
    def lr(self) -> float:
        """The learning rate of the next step, before the factors of parameter groups."""
        training, position = self.training, self.position
        lr = training.schedule.learning_rate(
            training.optimizer.lr, position.step, self.steps_per_epoch, self.num_steps
        )
        return lr * position.lr_factor

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
        if self._pass is None or self._pass_epoch != position.epoch:
            self.close()
            self._pass_epoch = position.epoch
            order = self.samples.order(self.training.seed, position.epoch)
            self._pass = self.samples.in_order(order, self.batch_size, self.num_used)
        start = position.step_in_epoch * self.step_size
        stop = min(start + self.step_size, self.num_used)
        lr = self.lr
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        in_memory(self, lambda: self._set_gradients(start, stop))
        self._update()
        position.step_in_epoch += 1
        position.step += 1
        if self.average is not None:
            self.average.update(self.network, position.step)

    def close(self) -> None:
        """Ends what reads samples ahead."""
        if self._pass is not None:
            self._pass.close()
        self._pass = None

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

    def prepared(self, raw: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """A batch as the network and the loss take it; nothing of it is changed at random."""
        return self.preprocess(raw), as_targets(targets, self.goal, self.preprocess)

    def scores(self, outputs: Tensor) -> Tensor:
        """Outputs as metrics and reports take them: logits, or numbers in the dataset's units."""
        last = self.nearest_mean or self.unscale
        scores: Tensor = outputs if last is None else last(outputs)
        return scores

    def _augmented(self, raw: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """A training batch changed at random, then as ``prepared``."""
        if self.goal.task == "segmentation":
            raw, masks = self.augment(raw, targets)
            assert masks is not None, "masks come back from where they went"
            targets = masks
        else:
            raw, _ = self.augment(raw, None)
        return self.prepared(raw, targets)

    def _set_gradients(self, start: int, stop: int) -> None:
        """Gradients of the mean loss over samples ``start`` to ``stop``, a batch at a time."""
        assert self._pass is not None
        losses = []
        for first in range(start, stop, self.batch_size):
            inputs, targets = self._augmented(*self._pass.batch(first))
            inputs, mix = mixed(inputs, self.training)
            for part in _slices(len(targets), self.position.parts):
                outputs = self.outputs(inputs[part])
                loss = (
                    mix.loss(self.loss_function, outputs, targets, part)
                    if mix
                    else (self.loss_function(outputs, targets[part]))
                )
                # The mean over the step: each part counts by its share of the samples.
                loss = loss * (len(outputs) / (stop - start))
                self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                if self.window.functions:
                    self.window.add_outputs(self.scores(outputs.detach()), targets[part])
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


def _slices(count: int, parts: int) -> list[slice]:
    """``count`` samples in as many nearly equal parts; fewer where there are not so many.

    >>> _slices(5, 2)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    size = -(-count // parts)
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
