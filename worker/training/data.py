"""Batches of a split by index, and the preprocessing that follows.

A split lies on the device where it fits, else batches are gathered from its memory map. The
order of an epoch follows from seed and epoch alone, so (epoch, step) is the sampler's position.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainyard.spec.preprocess import ChannelAffine, Geometry, Values
from worker.training.protocol import Split

Indices = npt.NDArray[np.int64]

_COPY_BYTES = 64 * 1024 * 1024  # of a split, at a time, on its way to the device


def epoch_order(num_samples: int, seed: int, epoch: int) -> Indices:
    """The order of the samples in an epoch: a permutation that only these three decide.

    It comes from raw PCG64 output, whose stream NumPy promises not to change (NEP 19): a job
    can be repeated under a later NumPy too, unlike with ``Generator.permutation``.
    """
    bits = np.random.PCG64(np.random.SeedSequence([seed, epoch]))
    return np.argsort(bits.random_raw(num_samples), kind="stable")


class Samples:
    """A split that gives batches on ``device``; resident there if ``room_bytes`` allows."""

    def __init__(self, split: Split, device: torch.device, room_bytes: int) -> None:
        assert len(split.x) == len(split.y), "a label for each sample"
        self.device = device
        self.dtype = str(split.x.dtype)
        self.targets = torch.from_numpy(np.array(split.y, dtype=np.int64)).to(device)
        self.is_resident = split.x.nbytes <= room_bytes
        self._mapped = np.asarray(split.x)
        self._resident = _copy_to(device, self._mapped) if self.is_resident else None

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Indices) -> tuple[Tensor, Tensor]:
        """Raw samples (N, *input_shape) in the split's own type, and targets (N,)."""
        chosen = torch.from_numpy(indices).to(self.device, non_blocking=True)
        if self._resident is not None:
            samples = self._resident.index_select(0, chosen)
        else:
            samples = torch.from_numpy(self._mapped.take(indices, axis=0))
            samples = samples.to(self.device, non_blocking=True)
        return samples, self.targets.index_select(0, chosen)


def _copy_to(device: torch.device, array: npt.NDArray[np.generic]) -> Tensor:
    """The array on the device, copied piece by piece so that little of it is held twice."""
    whole = torch.empty(
        array.shape, dtype=torch.from_numpy(np.empty(0, array.dtype)).dtype, device=device
    )
    num_rows = max(1, _COPY_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), num_rows):
        whole[start : start + num_rows] = torch.from_numpy(
            np.array(array[start : start + num_rows])
        )
    return whole


class Preprocessing(nn.Module):
    """Raw samples (N, C, …) to what the model takes: cast, size, one multiply-add by channel.

    ``then`` is a step that bends what these give, and ``following`` what comes after it, on what
    it gives. The buffers are not part of the weights: they follow from spec and dataset.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        affine: ChannelAffine,
        input_shape: tuple[int, ...],
        geometry: Sequence[Geometry] = (),
        then: Values | None = None,
        following: Preprocessing | None = None,
    ) -> None:
        super().__init__()
        self.changes = [step.build() for step in geometry]
        self.mask_changes = [step.build_for_masks() for step in geometry]
        by_channel = (1, len(affine.scale)) + (1,) * (len(input_shape) - 1)
        self.register_buffer("scale", torch.tensor(affine.scale).view(by_channel), persistent=False)
        self.register_buffer("shift", torch.tensor(affine.shift).view(by_channel), persistent=False)
        self.then = None if then is None else then.build()
        self.following = following
        self.memory_format = (
            torch.channels_last if len(input_shape) == 3 else torch.contiguous_format
        )

    def forward(self, raw: Tensor) -> Tensor:
        x = raw.to(torch.float32, memory_format=self.memory_format)
        for change in self.changes:
            x = change(x)
        x = torch.addcmul(self.shift, x, self.scale)
        if self.then is not None:
            x = self.then(x)
        return x if self.following is None else self.following(x)

    def masks(self, masks: Tensor) -> Tensor:
        """Masks (N, …) of class indices as the pictures that they are of: the same sizes."""
        for change in self.mask_changes:
            masks = change(masks)
        return masks if self.following is None else self.following.masks(masks)
