"""Pictures that look the same: candidates by their hashes, then held against each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.all_samples import AllSamples
from trainyard.datasets.format import Array
from trainyard.datasets.perceptual import Pairs, close_pairs
from trainyard.datasets.report import Report

MAX_PAIRS = 100_000  # of candidates
MAX_READ_BYTES = 1 << 30  # of pictures that are read again for it
SIDE = 32  # pixels by axis, about, at which pictures are compared
# Of 18,000 candidates of Fashion-MNIST, all 57 pairs above this are the same article to the eye,
# and of those at 0.98 to 0.985 most are not.
SAME = 0.995
STEADY = 1.0  # standard deviation in levels of 255 below which a picture is blank


def near_twins(samples: AllSamples, numbers: npt.NDArray[np.int64], report: Report) -> Pairs:
    """Pairs (n, 2) of pictures among ``numbers`` that look the same, the earlier one first.

    Found are copies of another size, compression, brightness or contrast, also with small marks;
    not those that are turned, mirrored or cut out.
    """
    hashes = np.concatenate([split.perceptual for split in samples.splits])
    candidates, is_whole = close_pairs(hashes[numbers], MAX_PAIRS)
    pairs = numbers[candidates]
    most = MAX_READ_BYTES // max(1, 2 * samples.splits[0].row_bytes("x"))
    if not is_whole or len(pairs) > most:
        report.finding(
            "search-was-cut",
            "info",
            "very many pictures may look the same, and not all were held against each other",
        )
    pairs = pairs[:most]
    alike = np.zeros(len(pairs), np.bool_)
    for some in samples.blocks(len(pairs), "x"):
        left, right = (_reduced(samples.rows("x", pairs[some, side])) for side in (0, 1))
        alike[some] = (left * right).mean(axis=1) >= SAME
    return pairs[alike]


def _reduced(pictures: Array) -> npt.NDArray[np.float32]:
    """(n, C, H, W) as standardised rows of about 32 × 32 block means; blank ones become zeros.

    The product of two rows has Pearson's correlation as its mean.
    """
    num, channels, height, width = pictures.shape
    by_y, by_x = max(1, height // SIDE), max(1, width // SIDE)
    rows, columns = height // by_y, width // by_x
    cut = pictures[:, :, : rows * by_y, : columns * by_x].astype(np.float32)
    blocks = cut.reshape(num, channels, rows, by_y, columns, by_x).mean(axis=(3, 5))
    flat = blocks.reshape(num, -1)
    scale = 1.0 if pictures.dtype == np.uint8 else max(float(np.ptp(flat)), 1e-30) / 255
    flat -= flat.mean(axis=1, keepdims=True)
    deviation = flat.std(axis=1, keepdims=True)
    standardised: npt.NDArray[np.float32] = np.where(
        deviation > STEADY * scale, flat / np.maximum(deviation, 1e-30), 0.0
    ).astype(np.float32)
    return standardised
