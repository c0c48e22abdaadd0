"""Where the real datasets stand that the slower tests and the benchmarks read."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path | None:
    """``TRAINYARD_TEST_DATA``, else ``shared/data`` beside the checkout; None if missing."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("TRAINYARD_TEST_DATA", beside))
    return folder if folder.is_dir() else None


def fashion_mnist() -> Path | None:
    """The folder of Fashion-MNIST's four idx files, if the real data is at hand."""
    folder = data_folder()
    return folder / "fashion_mnist" if folder and (folder / "fashion_mnist").is_dir() else None
