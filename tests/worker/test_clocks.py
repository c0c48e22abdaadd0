"""Workers whose clocks are off."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.needs import faketime_library
from tests.support.servers import wait_for
from tests.worker.harness import Yard

_LEASE = "6"
_RENEWALS = 5  # one each third of a lease: more than a lease and a half


@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_clock_that_is_an_hour_off_neither_steals_nor_loses_a_job(
    yard: Yard, offset: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = faketime_library()
    assert library is not None, "needs libfaketime: apt-get install faketime"
    dataset_id = yard.ready_dataset()
    honest = yard.start_worker(retry_delay_seconds="0.5", lease_seconds=_LEASE)
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("FAKETIME", offset)
        patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        # For the worker itself alone: a fork server with this library hangs or dies now and then.
        (tmp_path / "sitecustomize.py").write_text("import os; del os.environ['LD_PRELOAD']")
        patch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        wrong = yard.start_worker(retry_delay_seconds="0.5", lease_seconds=_LEASE)
    made = [yard.submit_long(dataset_id) for _ in range(2)]
    for job_id in made:
        yard.wait_for_status(job_id, "running")
    assert len({yard.job(job_id).worker_id for job_id in made}) == 2

    seen = [{yard.job(job_id).lease_expires_at} for job_id in made]

    def renewed() -> bool:
        for job_id, moments in zip(made, seen, strict=True):
            moments.add(yard.job(job_id).lease_expires_at)
        return min(map(len, seen)) > _RENEWALS

    wait_for(renewed, 60, f"{_RENEWALS} renewals of both leases")
    assert [yard.job(job_id).attempt for job_id in made] == [1, 1]
    for worker in (honest, wrong):
        os.kill(yard.trainer_pid(worker), signal.SIGKILL)
    for job_id in made:
        wait_for(lambda i=job_id: yard.job(i).attempt == 2, 30, "a retry, soon by any clock")
