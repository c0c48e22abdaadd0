"""Texts of variable length out of an HDF5 file, by a process of its own.

They stand in a heap through which the HDF5 library walks by sizes that the file tells; where those
are damaged it may walk for ever, within C. So the walk is done by a child that the kernel ends
after some seconds of work, however the scan itself may have ended. Run as a script with file and
dataset, this module prints the texts as JSON; it imports no more than it needs, to start quickly.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

MAX_SECONDS = 20  # of work, of which 200,000 texts take about 5
WAITING = 10  # times as long it may take by the clock, on a busy machine
MAX_LENGTH = 200  # characters of one text


def read_texts(path: Path, dataset: str, max_seconds: int = MAX_SECONDS) -> list[str]:
    """All texts of a dataset, in C order.

    Raises:
        ValueError: they cannot be read; says why.
    """
    command = [sys.executable, "-I", __file__, str(path), dataset, str(max_seconds)]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=WAITING * max_seconds, check=False
        )
    except subprocess.TimeoutExpired as e:
        raise ValueError("its texts cannot be read: damaged") from e
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip() if done.returncode == 1 else ""
        raise ValueError(f"its texts cannot be read: {told or 'damaged'}")
    texts: list[str] = json.loads(done.stdout)
    return texts


def main(path: str, dataset: str, max_seconds: int) -> None:
    """Print the texts; end with 1 and a reason where that cannot be."""
    import h5py

    resource.setrlimit(resource.RLIMIT_CPU, (max_seconds, max_seconds))
    texts = []
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = file[dataset].asstr()
            for place in np.ndindex(*found.shape):  # one by one: many may stand for one long text
                text = found[place]
                if len(text) > MAX_LENGTH:
                    sys.exit(f"one is of more than {MAX_LENGTH} characters")
                texts.append(text)
    except Exception as e:  # noqa: BLE001  # the edge of the process
        sys.exit(str(e) or type(e).__name__)
    sys.stdout.write(json.dumps(texts))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
