"""Uploads that a real worker ingests."""

from __future__ import annotations

import io
import os
import signal
import zipfile

from PIL import Image

from tests.support.servers import wait_for
from tests.worker.harness import Yard, freeze, squares_npz
from trainyard.datasets import open_dataset
from trainyard.store import datasets, garbage, ingests


def bomb() -> bytes:
    """A zip that holds an .npy which says that it is as large as an exabyte."""
    file = io.BytesIO()
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976,), }"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("x_train.npy", "y_train.npy"):
            archive.writestr(name, array)
    return file.getvalue()


def test_uploads_become_ready_or_rejected_and_nothing_else_is_left(yard: Yard) -> None:
    yard.start_worker("ingest")
    good, rubbish, hostile = (
        yard.upload(data, name)
        for data, name in ((squares_npz(64), "a.npz"), (b"no", "b.zip"), (bomb(), "c.npz"))
    )
    for dataset_id in (good, rubbish, hostile):
        assert yard.doorbell.send_ingest(dataset_id)
    ready = yard.wait_for_ingest(good)
    assert ready.status == "ready"
    folder = yard.blobs.local_folder(datasets.stored_prefix(ready), yard.settings.home)
    assert open_dataset(folder).splits["train"][0].shape[1:] == (1, 8, 8)
    for dataset_id in (rubbish, hostile):
        ended = yard.wait_for_ingest(dataset_id)
        assert ended.status == "rejected"
        assert [p for p in ended.problems if p["severity"] == "error"]
    wait_for(lambda: not yard.blobs.keys("uploads"), 60, "the uploads' deletion")
    kept = {key.split("/")[1] for key in yard.blobs.keys("datasets")}
    assert kept == {good}
    scratch = yard.settings.home / "scratch"
    wait_for(lambda: not [*scratch.iterdir()], 30, "the end of the attempt's folder")
    with yard.database.write() as session:
        row = datasets.get_dataset(session, yard.owner(), good)
        freed = datasets.delete_dataset(session, row)
    assert freed == garbage.collect(yard.database, yard.blobs)
    assert not yard.blobs.keys("datasets")


def test_pictures_are_decoded_below_the_scan_and_nothing_of_it_is_left(yard: Yard) -> None:
    worker = yard.start_worker("ingest")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(8):
            picture = io.BytesIO()
            Image.new("L", (8, 8), number * 9).save(picture, "PNG")
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", picture.getvalue())
        archive.writestr("a/broken.png", picture.getvalue()[:40])
    dataset_id = yard.upload(file.getvalue(), "pictures.zip")
    before = {child.pid for child in worker.descendants()}
    assert yard.doorbell.send_ingest(dataset_id)
    ready = yard.wait_for_ingest(dataset_id)
    assert ready.status == "ready"
    assert [p["file"] for p in ready.problems if p["file"]] == ["a/broken.png"]
    wait_for(lambda: {c.pid for c in worker.descendants()} <= before, 60, "the scan's end")


def test_an_attempt_that_comes_back_late_leaves_the_dataset_as_it_is(yard: Yard) -> None:
    """It has scanned, but was stopped past its lease: another attempt has made it ready since."""
    late = yard.start_worker("ingest")
    dataset_id = yard.upload(squares_npz(100_000))  # half a second to scan
    assert yard.doorbell.send_ingest(dataset_id)
    scratch = yard.settings.home / "scratch" / f"{dataset_id}-1"
    wait_for(lambda: scratch.exists() and [*scratch.iterdir()], 60, "the begin of the scan")
    freeze(yard, late.process.pid)
    wait_for((scratch / "dataset").exists, 60, "the end of the scan")
    second = yard.start_worker("ingest")
    ready = yard.wait_for_ingest(dataset_id)
    assert (ready.status, ready.attempt) == ("ready", 2)
    assert second.stop() == 0
    late.process.send_signal(signal.SIGCONT)
    assert late.stop() == 0  # it does to its end what it has begun
    folder = yard.blobs.local_folder(datasets.stored_prefix(ready), yard.settings.home)
    assert len(open_dataset(folder).splits["train"][0]) > 0
    assert {key.split("/")[2] for key in yard.blobs.keys("datasets")} == {"2"}


def test_a_worker_that_dies_during_an_ingest_is_followed_by_another(yard: Yard) -> None:
    worker = yard.start_worker("ingest")
    for child in worker.descendants():
        os.kill(child.pid, signal.SIGSTOP)  # the fork server: no scan can begin
    dataset_id = yard.upload(squares_npz(64))
    assert yard.doorbell.send_ingest(dataset_id)
    wait_for(lambda: yard.dataset(dataset_id).attempt == 1, 60, "the first claim")
    for child in worker.descendants():
        os.kill(child.pid, signal.SIGKILL)
    worker.process.kill()
    worker.process.wait()
    yard.start_worker("ingest")
    ended = yard.wait_for_ingest(dataset_id)
    assert (ended.status, ended.attempt) == ("ready", 2)
    scratch = yard.settings.home / "scratch"
    wait_for(lambda: not [*scratch.iterdir()], 30, "the end of the attempt's folder")


def test_what_a_killed_ingest_left_goes_once_its_dataset_is_deleted(yard: Yard) -> None:
    worker = yard.start_worker("ingest")
    for child in worker.descendants():
        os.kill(child.pid, signal.SIGSTOP)  # the fork server: no scan can begin
    dataset_id = yard.upload(squares_npz(64))
    assert yard.doorbell.send_ingest(dataset_id)
    scratch = yard.settings.home / "scratch"
    wait_for(lambda: [*scratch.glob("*")], 60, "the attempt's folder")
    for child in worker.descendants():
        os.kill(child.pid, signal.SIGKILL)
    worker.process.kill()
    worker.process.wait()
    (folder,) = scratch.iterdir()
    (folder / "half").write_bytes(b"what a scan had written")
    with yard.database.write() as session:
        datasets.delete_dataset(session, datasets.get_dataset(session, yard.owner(), dataset_id))
    yard.start_worker("ingest")
    wait_for(lambda: not [*scratch.iterdir()], 30, "the folder's end")


def test_the_sweep_leaves_the_folder_of_an_ingest_in_progress(yard: Yard) -> None:
    scratch = yard.settings.home / "scratch"
    dataset_id = yard.upload(squares_npz(64))
    with yard.database.write() as session:
        claim = ingests.claim_dataset(session, "w1", yard.settings.lease)
    assert claim is not None
    for attempt in (0, 1):
        (scratch / f"{dataset_id}-{attempt}").mkdir(parents=True)
    yard.start_worker("train")  # every worker sweeps, whatever it does else
    wait_for(lambda: len([*scratch.iterdir()]) < 2, 30, "the sweep")
    assert [folder.name for folder in scratch.iterdir()] == [f"{dataset_id}-1"]
