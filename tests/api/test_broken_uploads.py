"""An upload whose line breaks, whose API is killed, and whose client is killed, arrives whole."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from tests.api.house import House, Line
from tests.api.yard import Owner, Yard
from tests.support.servers import Broker
from trainyard.client import Client
from trainyard.store.tables import Dataset
from trainyard.uploading import FileUpload, cache_folder

SIZE = 40_000_000
MARKS = [5_000_000, 12_000_000, 20_000_000, 28_000_000, 36_000_000]
KILLED = {2, 4}  # of the five breaks; the others cut the line


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that no compression and no zeros make easy; notes of uploads go beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "large.npz"
    file.write_bytes(np.random.default_rng(5).bytes(SIZE))
    return file


def port_of(yard: Yard) -> int:
    return int(yard.url.rpartition(":")[2])


def test_an_upload_that_breaks_five_times_arrives_whole(
    tmp_path: Path, broker: Broker, large: Path
) -> None:
    (tmp_path / "home").mkdir()
    house = House(tmp_path / "home", broker)
    with ExitStack() as stack:
        yard = stack.enter_context(house.api())
        owner = yard.new_owner()

        def on_mark(number: int) -> None:
            nonlocal yard
            if number in KILLED:
                yard.process.kill()
                yard.process.wait()
                yard = stack.enter_context(house.api())
                line.port = port_of(yard)

        line = Line(port_of(yard), MARKS, on_mark)
        stack.callback(line.close)
        told: list[int] = []
        with Client(line.url, owner.key) as client:
            upload = FileUpload(
                client._http, large, progress=lambda arrived, _: told.append(arrived)
            )
            upload_id = upload.send()
            dataset = client.call("POST", "/v1/datasets", json={"upload": upload_id})
        assert line.num_marks == len(MARKS)
        assert upload.num_failures >= len(MARKS)
        assert line.num_sent < 1.75 * SIZE, "each time it goes on where it stopped"
        assert told[-1] == SIZE
        with yard.database.read() as session:
            row = session.get_one(Dataset, dataset["id"])
        expected = hashlib.sha256(large.read_bytes()).hexdigest()
        assert row.upload_sha256 == expected
        assert row.upload_key is not None
        assert hashlib.sha256(yard.blobs.read_bytes(row.upload_key)).hexdigest() == expected


SENDING = """
import sys
from pathlib import Path
from trainyard.client import Client
from trainyard.uploading import FileUpload
with Client(sys.argv[1], sys.argv[2]) as client:
    print(FileUpload(client._http, Path(sys.argv[3])).send())
"""


def test_a_client_that_was_killed_goes_on_where_it_stopped(owner: Owner, large: Path) -> None:
    def send(line: Line) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", SENDING, line.url, owner.key, str(large)]
        return subprocess.Popen(words, stdout=subprocess.PIPE)

    line = Line(port_of(owner.yard), [20_000_000], lambda _: process.kill())
    process = send(line)
    process.communicate()
    assert (process.returncode, line.num_marks) == (-9, 1)
    assert len(list((cache_folder() / "uploads").iterdir())) == 1
    before = line.num_sent
    output, _ = send(line).communicate()
    assert line.num_sent - before < 0.9 * SIZE
    upload_id = output.decode().strip()
    taken = owner.http.post("/v1/datasets", json={"upload": upload_id}).json()
    with owner.yard.database.read() as session:
        found = session.scalar(select(Dataset.upload_sha256).where(Dataset.id == taken["id"]))
    assert found == hashlib.sha256(large.read_bytes()).hexdigest()
    line.close()
