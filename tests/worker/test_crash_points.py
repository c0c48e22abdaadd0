"""A kill -9 at each point of a job's way from claim to end, each followed by a right ending."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select

from tests.support.servers import Broker, Postgres, wait_for
from tests.worker.harness import Yard, running_yard, statuses
from trainyard import crashpoints
from trainyard.settings import Settings
from trainyard.store import garbage
from trainyard.store.checkpoints import list_checkpoints
from trainyard.store.claims import held_leases
from trainyard.store.metrics import metric_series
from trainyard.store.tables import Artifact, Checkpoint, CheckpointChunk

_numbers = itertools.count(3)
TRAINING = {"epochs": 3, "batch_size": 16, "seed": 7, "optimizer": {"type": "adam", "lr": 0.01}}
# The point that has to be come by before, for this one to be reached.
NEEDS = {
    "requeue.written": "step.told",
    "requeue.committed": "step.told",
    "requeue.rung": "step.told",
    "reaper.written": "trainer.forked",
    "reaper.committed": "trainer.forked",
}
# Those where bytes may lie in the object store that no row tells of.
IN_THE_STORE = ("checkpoint.stored", "checkpoint.written", "checkpoint.committed")
# Those where what a server has committed, and what it has not, makes the difference.
ON_POSTGRES = ("claim.committed", "flush.written", "checkpoint.committed", "finish.committed")


@dataclass
class Scene:
    """A yard whose workers die at the points that are armed.

    Two live at all times, or are about to: the one that dies is not waited for, as another takes
    over while the next gets ready.
    """

    yard: Yard
    armed: Path
    dataset_id: str
    reference: dict[str, Any]
    settings: dict[str, str]

    def ensure_workers(self) -> None:
        while sum(worker.process.poll() is None for worker in self.yard.workers) < 2:
            self.yard.begin_worker(retry_delay_seconds="0.1", **self.settings)

    def arm(self, *points: str) -> None:
        for point in points:
            (self.armed / point).touch()

    def run(self) -> str:
        """A job that is trained to its end, by as many workers as it takes."""
        job_id = self.yard.submit(self.dataset_id, training=TRAINING)

        def look() -> bool:
            self.ensure_workers()
            return self.yard.job(job_id).status in ("succeeded", "failed")

        wait_for(look, 120, f"the end of {job_id}")
        return job_id


def running_scene(yard: Yard, armed: Path, **settings: str) -> Iterator[Scene]:
    armed.mkdir()
    before = os.environ.get(crashpoints.VARIABLE)  # another scene's, on the other database
    os.environ[crashpoints.VARIABLE] = str(armed)
    try:
        scene = Scene(yard, armed, yard.ready_dataset(), {}, settings)
        scene.reference = result_of(yard, scene.run())
        yield scene
    finally:
        if before is None:
            os.environ.pop(crashpoints.VARIABLE, None)
        else:
            os.environ[crashpoints.VARIABLE] = before


@pytest.fixture(scope="module")
def sqlite_scene(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("crashes")
    shutil.copy(migrated_sqlite, folder / "trainyard.db")
    url = f"sqlite:///{folder / 'trainyard.db'}"
    with running_yard(folder / "home", url, broker, next(_numbers)) as yard:
        yield from running_scene(yard, folder / "armed")


@pytest.fixture(scope="module")
def store_scene(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[Scene]:
    """One whose checkpoints lie in the object store."""
    folder = tmp_path_factory.mktemp("crashes")
    shutil.copy(migrated_sqlite, folder / "trainyard.db")
    url = f"sqlite:///{folder / 'trainyard.db'}"
    with running_yard(folder / "home", url, broker, next(_numbers)) as yard:
        yield from running_scene(yard, folder / "armed", checkpoint_store="store")


@pytest.fixture(scope="module")
def postgres_scene(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("crashes")
    with (
        postgres.database() as url,
        running_yard(folder / "home", url, broker, next(_numbers)) as yard,
    ):
        yield from running_scene(yard, folder / "armed")


def result_of(yard: Yard, job_id: str) -> dict[str, Any]:
    """What must not depend on how often the job was interrupted."""
    job = yard.job(job_id)
    with yard.database.read() as session:
        checkpoints = [(c.step, c.sha256, c.is_best) for c in list_checkpoints(session, job_id)]
        files = session.scalars(select(Artifact.sha256).where(Artifact.job_id == job_id)).all()
        series = {s.name: s.points for s in metric_series(session, job_id)}
    return {
        "status": job.status,
        "summary": job.summary,
        "best": job.best,
        "report": job.report,
        "checkpoints": checkpoints,
        "files": files,
        "series": series,
    }


def assert_ended_once_and_left_nothing(yard: Yard, job_id: str) -> None:
    told = yard.events(job_id)
    seqs = [event.seq for event in told]
    assert seqs == sorted(set(seqs))  # with gaps: metrics past a checkpoint give way
    assert [event.kind for event in told].count("end") == 1
    assert statuses(told)[-1] == "succeeded"
    assert told[-1].kind == "end"
    garbage.collect(yard.database, yard.blobs)
    with yard.database.read() as session:
        assert held_leases(session) == []
        assert session.scalar(select(func.count()).where(~Checkpoint.complete)) == 0
        stray = select(func.count()).where(
            CheckpointChunk.checkpoint_id.not_in(select(Checkpoint.id))
        )
        assert session.scalar(stray) == 0
        recorded = set(session.scalars(select(Artifact.store_key)))
        stored = session.scalars(select(Checkpoint.store_key).where(Checkpoint.store_key != ""))
        recorded |= {f"{key}/{part}" for key in stored for part in ("weights", "state")}
    assert set(yard.blobs.keys("jobs")) == recorded
    assert yard.blobs.folder is not None
    assert not list((yard.blobs.folder / "jobs").rglob("*#*")), "half written"
    assert not list((yard.settings.home / "scratch").glob("*"))


def assert_right_ending(scene: Scene, *points: str) -> None:
    scene.ensure_workers()
    scene.arm(*points)
    job_id = scene.run()
    wait_for(lambda: not list(scene.armed.iterdir()), 20, f"{points} to be come by")
    assert result_of(scene.yard, job_id) == scene.reference
    assert_ended_once_and_left_nothing(scene.yard, job_id)
    wait_for(lambda: not _orphans(scene), 20, "the end of what dead workers have left")


def _orphans(scene: Scene) -> list[psutil.Process]:
    """Processes that were begun by this scene's workers and belong to none that lives."""
    living = [w for w in scene.yard.workers if w.process.poll() is None]
    known = {pid for w in living for pid in (w.pid, *(d.pid for d in w.descendants()))}
    return [p for p in psutil.process_iter() if p.pid not in known and _is_of(p, scene)]


def _is_of(process: psutil.Process, scene: Scene) -> bool:
    with suppress(psutil.Error):
        return process.environ().get(crashpoints.VARIABLE) == str(scene.armed)
    return False


@pytest.mark.parametrize("point", crashpoints.TRAINER_POINTS)
def test_a_trainer_killed_at_any_point_changes_no_result(sqlite_scene: Scene, point: str) -> None:
    assert_right_ending(sqlite_scene, point)


@pytest.mark.parametrize("point", crashpoints.WORKER_POINTS + crashpoints.RETRY_POINTS)
def test_a_worker_killed_at_any_point_changes_no_result(sqlite_scene: Scene, point: str) -> None:
    assert_right_ending(sqlite_scene, point, *([NEEDS[point]] if point in NEEDS else []))


@pytest.mark.xdist_group("crashes-store")  # one scene, as its begin takes longest
@pytest.mark.parametrize("point", IN_THE_STORE)
def test_nor_does_one_killed_with_checkpoints_in_the_store(store_scene: Scene, point: str) -> None:
    assert_right_ending(store_scene, point)
    with store_scene.yard.database.read() as session:
        keys = session.scalars(select(Checkpoint.store_key)).all()
    assert keys
    assert None not in keys


@pytest.mark.xdist_group("crashes-postgresql")
@pytest.mark.parametrize("point", ON_POSTGRES)
def test_nor_does_one_killed_with_postgresql(postgres_scene: Scene, point: str) -> None:
    assert_right_ending(postgres_scene, point)


def test_without_the_environment_variable_no_point_does_anything(tmp_path: Path) -> None:
    (tmp_path / "claim.committed").touch()
    code = "from trainyard.crashpoints import reach; reach('claim.committed'); print('alive')"
    plain = {name: value for name, value in os.environ.items() if name != crashpoints.VARIABLE}
    run = [sys.executable, "-c", code]
    alive = subprocess.run(run, cwd=tmp_path, env=plain, capture_output=True, text=True, check=True)
    assert alive.stdout == "alive\n"
    armed = {**plain, crashpoints.VARIABLE: str(tmp_path)}
    assert subprocess.run(run, cwd=tmp_path, env=armed, check=False).returncode == -signal.SIGKILL
    assert "crash_points" not in Settings.model_fields
