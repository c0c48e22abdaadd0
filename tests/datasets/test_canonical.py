"""The canonical folder when it is opened again."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from trainyard.datasets import open_dataset

from .conftest import Ingest, npz_of, random_pictures


@pytest.mark.parametrize("kept", [0, 7, 200])
def test_a_file_that_was_cut_short_is_the_disk_s_fault(take: Ingest, tmp_path, kept: int) -> None:
    take(npz_of(x=random_pictures(60, 8, 8), y=np.tile(np.arange(3), 20)))
    folder = tmp_path / "store" / "out"
    os.truncate(folder / "val_x.npy", kept)
    with pytest.raises(OSError, match=r"val_x\.npy is damaged") as raised:
        open_dataset(folder)
    assert raised.value.errno == errno.EIO
