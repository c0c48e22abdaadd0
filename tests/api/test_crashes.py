"""The API killed in the middle of a request, and disks that are full."""

from __future__ import annotations

import resource
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, update

from tests.api.house import House
from tests.api.yard import Yard, npz, spec
from tests.support.servers import Broker, wait_for
from trainyard import crashpoints
from trainyard.store import garbage
from trainyard.store.tables import Dataset, Garbage, Job, now

KEY = {"Idempotency-Key": "the same"}


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> House:
    return House(tmp_path, broker)


def send(yard: Yard, key: str, point: str) -> httpx.Response:
    """The request that comes by this point."""
    http = yard.client(key)
    if point == "job.committed":
        return http.post("/v1/jobs", json=spec("blobs"), headers=KEY)
    files = {"file": ("mine.npz", npz(seed=5))}
    return http.post("/v1/datasets", files=files, data={"name": "mine"}, headers=KEY)


@pytest.mark.parametrize("point", crashpoints.API_POINTS)
def test_a_request_whose_process_is_killed_is_done_once_by_its_repeat(
    house: House, point: str
) -> None:
    with house.api() as yard:
        owner = yard.new_owner()
        owner.ready_dataset()
        (house.armed / point).touch()
        with pytest.raises(httpx.TransportError):
            send(yard, owner.key, point)
        assert yard.process.wait(timeout=10) == -9
    assert not list(house.armed.iterdir()), "not reached"
    with house.api() as yard:
        assert send(yard, owner.key, point).status_code in (200, 201, 202)
        assert send(yard, owner.key, point).status_code in (200, 201, 202)
        with yard.database.read() as session:
            num_datasets = session.scalar(select(func.count()).select_from(Dataset))
            num_jobs = session.scalar(select(func.count()).select_from(Job))
        assert (num_datasets, num_jobs) == ((1, 1) if point == "job.committed" else (2, 0))
        assert_no_leftovers(yard)


def assert_no_leftovers(yard: Yard) -> None:
    """Of what was announced and never recorded, once its writer cannot live any more."""
    assert not list((yard.settings.home / "tmp" / "api").glob("*/*"))
    with yard.database.write() as session:
        session.execute(update(Garbage).values(not_before=now()))
    garbage.collect(yard.database, yard.blobs)
    with yard.database.read() as session:
        waiting = set(session.scalars(select(Dataset.upload_key).where(Dataset.upload_key != "")))
    assert set(yard.blobs.keys("uploads")) == waiting
    assert not list((yard.settings.home / "store" / "uploads").glob("*#*"))


def test_an_upload_that_was_cut_off_by_a_kill_is_swept_at_the_next_start(house: House) -> None:
    with house.api() as yard:
        owner = yard.new_owner()
        host, port = yard.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            head = (
                "POST /v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
                f"Authorization: Bearer {owner.key}\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
                '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
            )
            client.sendall(head.encode() + b"x" * 3_000_000)
            folder = house.home / "tmp" / "api"
            wait_for(lambda: any(p.stat().st_size for p in folder.glob("*/form-*/0")), 20, "bytes")
            yard.process.kill()
            yard.process.wait()
    assert list(folder.glob("*/form-*"))
    with house.api() as yard:
        assert not list(folder.glob("*/*"))
        with yard.database.read() as session:
            assert session.scalar(select(func.count()).select_from(Dataset)) == 0


def test_a_process_that_starts_leaves_the_uploads_of_another_alone(house: House) -> None:
    with house.api() as first:
        owner = first.new_owner()
        with house.api() as second:
            folder = house.home / "tmp" / "api"
            assert len([path for path in folder.iterdir() if path.is_dir()]) == 2
            for yard, seed in ((first, 6), (second, 7)):
                files = {"file": ("mine.npz", npz(seed=seed))}
                answer = yard.client(owner.key).post("/v1/datasets", files=files)
                assert answer.status_code == 202


@contextmanager
def disk_full_beyond(process: subprocess.Popen[bytes], size_bytes: int) -> Iterator[None]:
    """The process cannot make any file larger: its writes fail as on a full disk."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def test_an_upload_that_a_full_disk_cannot_take_is_507_and_leaves_nothing(house: House) -> None:
    data = npz(seed=8) + b"\0" * 2_000_000
    with house.api() as yard:
        owner = yard.new_owner()
        with disk_full_beyond(yard.process, 1_000_000):
            answer = owner.upload(data)
        assert answer.status_code == 507
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"] == "The store has no space left on its disk."
        assert int(answer.headers["retry-after"]) >= 1
        assert_no_leftovers(yard)
        assert owner.upload(data).status_code == 202


def test_a_job_that_a_full_disk_cannot_take_is_refused_and_taken_later(house: House) -> None:
    with house.api() as yard:
        owner = yard.new_owner()
        dataset = owner.ready_dataset()
        with disk_full_beyond(yard.process, 1):
            answer = owner.http.post("/v1/jobs", json=spec(dataset), headers=KEY)
        assert answer.status_code in (503, 507), answer.text
        assert answer.json()["detail"].startswith("The database")
        assert owner.http.post("/v1/jobs", json=spec(dataset), headers=KEY).status_code == 201
        assert owner.get("/v1/jobs")["items"][0]["status"] == "queued"
