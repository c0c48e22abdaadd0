"""What users do with jobs and datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.samples import (
    LEASE,
    add_dataset,
    add_job,
    add_owner,
    add_ready_dataset,
    claim,
    queued_job,
    reload,
)
from trainyard.datasets.manifest import DatasetOptions, SplitOptions
from trainyard.errors import Conflict, InvalidInput, NotFound
from trainyard.status import JobStatus
from trainyard.store import (
    claims,
    datasets,
    events,
    garbage,
    idempotency,
    ingests,
    jobs,
    keys,
    usage,
)
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database
from trainyard.store.lease import LeaseLost
from trainyard.store.listing import list_datasets, list_jobs


def test_another_owners_job_is_not_found(database: Database) -> None:
    job = queued_job(database)
    with database.write() as session:
        other = add_owner(session, "eve")
        with pytest.raises(NotFound):
            jobs.get_job(session, other, job.id)
        with pytest.raises(NotFound):
            datasets.find_dataset(session, other, "squares")
        assert list_jobs(session, other) == ([], None)


def test_cancel_pause_and_resume_of_a_queued_job_are_at_once(database: Database) -> None:
    job = queued_job(database)
    with database.write() as session:
        assert jobs.request_pause(session, job).status == "paused"
        with pytest.raises(Conflict):
            jobs.request_pause(session, job)
        assert jobs.resume(session, job).status == "queued"
        with pytest.raises(Conflict):
            jobs.resume(session, job)
        assert jobs.request_cancel(session, job).status == "cancelled"
        for request in (jobs.request_cancel, jobs.request_pause, jobs.resume):
            with pytest.raises(Conflict):
                request(session, job)
    after = reload(database, job.id)
    assert after.reason is not None
    assert after.reason["code"] == "cancelled_by_user"
    with database.read() as session:
        told = [(e.kind, e.data["status"]) for e in events.read_events(session, job.id)]
    assert told == [
        ("status", "queued"),
        ("status", "paused"),
        ("status", "queued"),
        ("status", "cancelled"),
        ("end", "cancelled"),
    ]


def test_a_running_job_is_asked_and_asking_twice_is_once(database: Database) -> None:
    job = queued_job(database)
    claim(database)
    with database.write() as session:
        assert jobs.request_pause(session, job).status == "pausing"
        assert jobs.request_pause(session, job).status == "pausing"
        assert jobs.request_cancel(session, job).status == "cancelling"
        assert jobs.request_cancel(session, job).status == "cancelling"
        with pytest.raises(Conflict):
            jobs.request_pause(session, job)
        with pytest.raises(Conflict):
            jobs.delete_job(session, job)


def test_lists_go_page_by_page_in_every_order(database: Database) -> None:
    with database.write() as session:
        owner_id = add_owner(session)
        dataset = add_ready_dataset(session, owner_id)
        names = ["b", "a", "c", "a", "50%"]
        made = [
            add_job(session, owner_id, dataset, name=name, tags=[name, "all"], priority=n % 2)
            for n, name in enumerate(names)
        ]
        for sort in ("-created_at", "created_at", "name", "-name", "priority", "-priority"):
            seen: list[str] = []
            cursor = None
            while True:
                page, cursor = list_jobs(session, owner_id, limit=2, cursor=cursor, sort=sort)
                seen += [job.id for job in page]
                if cursor is None:
                    break
            assert len(seen) == len(set(seen)) == 5, sort
        newest_first, _ = list_jobs(session, owner_id)
        assert [job.id for job in newest_first] == [job.id for job in reversed(made)]

        def found(**query: str) -> list[str]:
            return [job.name for job in list_jobs(session, owner_id, sort="created_at", **query)[0]]

        assert found(tag="a") == ["a", "a"]
        assert found(tag="al") == []
        assert found(q="0%") == ["50%"]
        assert found(q="%") == ["50%"]
        assert len(found(dataset="squares")) == len(found(dataset=dataset.id)) == 5
        assert found(dataset="other") == []
        assert list_jobs(session, owner_id, status=["running"]) == ([], None)
        _, cursor = list_jobs(session, owner_id, limit=1, sort="name")
        wrong = [("x", "name"), ("é", "name"), (cursor, "-name"), ("WzFd", "name"), (None, "no")]
        for broken, sort in wrong:
            with pytest.raises(InvalidInput):
                list_jobs(session, owner_id, cursor=broken, sort=sort)


def test_the_same_upload_with_the_same_options_is_the_same_dataset(database: Database) -> None:
    with database.write() as session:
        owner_id = add_owner(session)
        first = add_dataset(session, owner_id, "1" * 64)
        assert add_dataset(session, owner_id, "1" * 64).id == first.id
        other = DatasetOptions(split=SplitOptions(seed=7))
        assert datasets.find_upload(session, owner_id, "1" * 64, other) is None
        assert add_dataset(session, add_owner(session, "eve"), "1" * 64).id != first.id
        datasets.delete_dataset(session, first)
        assert add_dataset(session, owner_id, "1" * 64).id != first.id


def test_a_dataset_in_use_stays_and_a_used_one_leaves_its_manifest(database: Database) -> None:
    job = queued_job(database)
    with database.write() as session:
        dataset = datasets.dataset_of(session, job)
        with pytest.raises(Conflict):
            datasets.delete_dataset(session, dataset)
        jobs.request_cancel(session, job)
        assert datasets.delete_dataset(session, dataset) == 9
        with pytest.raises(NotFound):
            datasets.find_dataset(session, job.owner_id, "squares")
        assert list_datasets(session, job.owner_id) == ([], None)
    with database.write() as session:
        gone = datasets.dataset_of(session, job)
        assert datasets.as_manifest(gone).class_names == ["0", "1"]
        assert usage.usage(session, job.owner_id)["bytes"]["datasets"] == 0
        jobs.delete_job(session, job)
    with database.read() as session:
        assert session.get(type(gone), gone.id) is None


def test_an_ingest_is_claimed_once_and_again_when_its_worker_is_silent(
    database: Database,
) -> None:
    with database.write() as session:
        add_dataset(session, add_owner(session))
    with database.write() as session:
        first = ingests.claim_dataset(session, "w1", -LEASE)
    with database.write() as session:
        second = ingests.claim_dataset(session, "w2", LEASE)
        assert ingests.claim_dataset(session, "w3", LEASE) is None
    assert first is not None
    assert second is not None
    with pytest.raises(LeaseLost), database.write() as session:
        ingests.finish_ingest(session, first, None, [])
    with database.write() as session:
        ingests.release_ingest(session, second)
        assert ingests.claim_dataset(session, "w3", LEASE) is not None


def test_garbage_is_collected_once(database: Database, tmp_path: Path) -> None:
    blobs = Blobs(f"file://{tmp_path / 'store'}")
    blobs.put_bytes("jobs/a/x", b"123")
    blobs.put_bytes("jobs/ab/x", b"12345")
    with database.write() as session:
        garbage.discard(session, "jobs/a")
        garbage.discard(session, "jobs/a")
    assert garbage.collect(database, blobs) == 3
    assert garbage.collect(database, blobs) == 0
    assert blobs.keys("jobs") == ["jobs/ab/x"]


def test_the_first_key_is_made_once_and_kept_as_a_digest(database: Database) -> None:
    with database.write() as session:
        secret = keys.bootstrap(session)
        assert secret is not None
        assert keys.bootstrap(session) is None
        who = keys.authenticate(session, secret)
        assert who is not None
        assert who.is_admin
        [(key, owner)] = keys.list_keys(session, who)
        assert secret not in str(vars(key))
        assert owner == "admin"
        assert keys.authenticate(session, secret[:-1]) is None


def test_keys_see_their_owner_only_and_end_with_their_sessions(database: Database) -> None:
    with database.write() as session:
        admin = keys.authenticate(session, keys.bootstrap(session) or "")
        assert admin is not None
        made, secret = keys.create_key(session, admin, "laptop", "ada")
        ada = keys.authenticate(session, secret)
        assert ada is not None
        assert (ada.owner_name, ada.is_admin) == ("ada", False)
        with pytest.raises(keys.Forbidden):
            keys.create_key(session, ada, "x", "admin")
        with pytest.raises(NotFound):
            keys.delete_key(session, ada, admin.key_id)
        assert len(keys.list_keys(session, admin)) == 2
        assert len(keys.list_keys(session, ada)) == 1
        cookie = keys.create_session(session, made.id)
        assert keys.authenticate_session(session, cookie) == ada
        keys.delete_key(session, admin, made.id)
        assert keys.authenticate(session, secret) is None
        assert keys.authenticate_session(session, cookie) is None


def test_a_login_link_works_once(database: Database) -> None:
    with database.write() as session:
        admin = keys.authenticate(session, keys.bootstrap(session) or "")
        assert admin is not None
        token = keys.create_login_token(session, admin.key_id)
        assert keys.authenticate_session(session, token) is None
        cookie = keys.redeem_login_token(session, token)
        assert cookie is not None
        assert keys.redeem_login_token(session, token) is None
        assert keys.authenticate_session(session, cookie) == admin
        keys.end_session(session, cookie)
        assert keys.authenticate_session(session, cookie) is None


def test_an_idempotency_key_finds_the_first_result_and_refuses_another_request(
    database: Database,
) -> None:
    one = idempotency.request_digest("POST", "/v1/jobs", b"a")
    other = idempotency.request_digest("POST", "/v1/jobs", b"b")
    with database.write() as session:
        owner_id = add_owner(session)
        assert idempotency.find(session, owner_id, "k", one) is None
        idempotency.remember(session, owner_id, "k", one, "job_1")
    with database.write() as session:
        assert idempotency.find(session, owner_id, "k", one) == "job_1"
        with pytest.raises(Conflict):
            idempotency.find(session, owner_id, "k", other)
        with pytest.raises(Conflict):
            idempotency.remember(session, owner_id, "k", one, "job_2")
        assert idempotency.find(session, add_owner(session, "eve"), "k", one) is None
        idempotency.forget(session, owner_id, "job_1")
        assert idempotency.find(session, owner_id, "k", other) is None


def test_usage_counts_what_an_owner_holds(database: Database) -> None:
    job = queued_job(database)
    with database.write() as session:
        claimed = claims.claim_job(session, "w", "host", LEASE)
        assert claimed is not None
        claims.finish_job(session, claimed.lease, JobStatus.SUCCEEDED)
    with database.read() as session:
        used = usage.usage(session, job.owner_id)
        assert (used["jobs"], used["jobs_by_status"]["succeeded"]) == (1, 1)
        assert used["bytes"] == {"datasets": 9, "checkpoints": 0, "artifacts": 0, "weights": 0}
        assert jobs.count_active(session, job.owner_id) == 0
