"""A perceptual hash of pictures, and the pairs whose hashes lie close together.

The hash tells whether two pictures may look the same; whether they do is for the caller to see
(``trainyard.datasets.near``), as drawings on a plain ground share hashes without being alike.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Array

Hashes = npt.NDArray[np.uint64]
Pairs = npt.NDArray[np.int64]

SIDE = 8  # frequencies by axis: 8 × 8 bits
MAX_DISTANCE = 3  # bits in which the hashes of a pair may differ
BAND_EDGES = (0, 13, 26, 39, 52, 64)  # one band more than would do by the pigeonhole principle
MAX_NEIGHBOURS = 16  # in a bucket, that a hash is held against


def is_picture(input_shape: tuple[int, ...]) -> bool:
    """Whether samples are pictures (C, H, W) large enough to have a hash."""
    return len(input_shape) == 3 and min(input_shape[1:]) >= SIDE


def perceptual_hashes(samples: Array) -> Hashes:
    """A 64-bit hash of each picture (n, C, H, W), of the mean of its channels.

    pHash after C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions"
    (2010), section 3.1: the 8 × 8 lowest frequencies of the two-dimensional DCT-II, each held
    against their median. The DCT is taken of the picture in its own size rather than of a
    reduced one: its low frequencies are the same but for the reduction's own blur, and two
    matrix products give them for a whole block.
    """
    num, channels, height, width = samples.shape
    rows = samples.astype(np.float32).reshape(-1, width) @ _cosines(width)
    by_column = rows.reshape(num, channels, height, SIDE).mean(axis=1).transpose(0, 2, 1)
    frequencies = np.ascontiguousarray(by_column).reshape(-1, height) @ _cosines(height)
    flat = frequencies.reshape(num, SIDE * SIDE)
    middle = (SIDE * SIDE - 1) // 2
    # Without the mean of the picture, which is larger than all others.
    median = np.partition(flat[:, 1:], middle, axis=1)[:, middle]
    bits = np.packbits(flat > median[:, None], axis=1)
    return bits.view(">u8").reshape(-1).astype(np.uint64)


def _cosines(size: int) -> npt.NDArray[np.float32]:
    """(size, 8): the first basis functions of the DCT-II of this length."""
    places = (2 * np.arange(size)[:, None] + 1) * np.arange(SIDE)[None]
    return np.cos(np.pi * places / (2 * size)).astype(np.float32)


def close_pairs(hashes: Hashes, most: int) -> tuple[Pairs, bool]:
    """Pairs (n, 2) of indices whose hashes differ in at most 3 bits, and whether all are there.

    64 bits in five bands: hashes that differ in three bits agree in two bands at least, so that
    each choice of two bands makes buckets in which pairs are looked for. In a bucket each hash is
    held against its next 16 in order, which bounds the work to 160 comparisons a sample; a crowd
    of like pictures keeps enough pairs to be seen, but not each with each. No more than ``most``
    pairs are kept.
    """
    found: list[Pairs] = []
    num_found, is_whole = 0, True
    for kept in combinations(range(len(BAND_EDGES) - 1), 2):
        keys = hashes & _mask(kept)
        order = np.lexsort((hashes, keys))
        for pairs in _in_buckets(hashes[order], keys[order]):
            found.append(np.sort(order[pairs], axis=1))
            num_found += len(pairs)
        if num_found > most:  # the same pair may have been found in several buckets
            found = [np.unique(np.concatenate(found), axis=0)]
            num_found = len(found[0])
            if num_found > most:
                found, is_whole = [found[0][:most]], False
                break
    none = np.zeros((0, 2), np.int64)
    return np.unique(np.concatenate([none, *found]), axis=0), is_whole


def _in_buckets(hashes: Hashes, keys: Hashes) -> list[Pairs]:
    """Pairs of places in equal keys, which stand side by side."""
    found = []
    for step in range(1, min(MAX_NEIGHBOURS, len(keys) - 1) + 1):
        together = np.flatnonzero(keys[step:] == keys[:-step])
        if not len(together):
            break
        distance = np.bitwise_count(hashes[together] ^ hashes[together + step])
        near = together[distance <= MAX_DISTANCE]
        found.append(np.stack([near, near + step], axis=1))
    return found


def _mask(bands: tuple[int, ...]) -> np.uint64:
    bits = sum((1 << BAND_EDGES[b + 1]) - (1 << BAND_EDGES[b]) for b in bands)
    return np.uint64(bits)
