"""The API while the database, the broker or a disk does not serve."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
import redis

from tests.api.yard import Owner, running_yard, spec
from tests.support.servers import Broker, Postgres, running_broker, running_postgres, wait_for
from trainyard.client import Client
from trainyard.store.database import migrate


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server that the tests may stop."""
    with (
        tempfile.TemporaryDirectory(prefix="ty-") as folder,
        running_postgres(Path(folder) / "data") as server,
    ):
        yield server


@pytest.fixture(scope="module")
def postgres_owner(
    own_postgres: Postgres, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Owner]:
    """Somebody whose API stands on that server."""
    home = tmp_path_factory.mktemp("home")
    with own_postgres.database() as url, running_yard(home, url, broker.url) as yard:
        yield yard.new_owner()


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that the tests may stop."""
    with tempfile.TemporaryDirectory(prefix="ty-") as folder, running_broker(Path(folder)) as own:
        yield own


@pytest.fixture(scope="module")
def broker_owner(own_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """Somebody whose API rings at that broker."""
    home = tmp_path_factory.mktemp("home")
    url = f"sqlite:///{home / 'trainyard.db'}"
    migrate(url)
    with running_yard(home, url, own_broker.url) as yard:
        yield yard.new_owner()


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["detail"].startswith("The database does not answer")
    assert "Traceback" not in answer.text


def test_without_a_database_each_call_answers_503_and_then_goes_on(
    own_postgres: Postgres, postgres_owner: Owner
) -> None:
    owner = postgres_owner
    dataset = owner.ready_dataset()
    job_id = owner.submit(dataset)["id"]
    own_postgres.stop()
    try:
        for method, path in (
            ("GET", f"/v1/jobs/{job_id}"),
            ("GET", "/v1/jobs"),
            ("GET", f"/v1/jobs/{job_id}/events"),
            ("POST", f"/v1/jobs/{job_id}/cancel"),
            ("DELETE", f"/v1/jobs/{job_id}"),
        ):
            assert_unavailable(owner.http.request(method, path))
        assert_unavailable(owner.http.post("/v1/jobs", json={"dataset": dataset}))
        assert_unavailable(owner.upload(b"no matter what"))
        assert owner.http.get("/healthz").status_code == 200
        ready = owner.http.get("/readyz")
        assert [error["path"] for error in ready.json()["errors"]] == ["/database"]
    finally:
        own_postgres.start()
    assert owner.get(f"/v1/jobs/{job_id}")["status"] == "queued"
    assert owner.submit(dataset)["status"] == "queued"


def test_connections_that_the_server_ended_cost_no_request(
    own_postgres: Postgres, postgres_owner: Owner
) -> None:
    dataset = postgres_owner.ready_dataset("cut off", seed=1)
    assert own_postgres.cut_off() > 0
    for _ in range(3):
        postgres_owner.get("/v1/jobs")
        assert postgres_owner.submit(dataset)["status"] == "queued"


def test_a_stream_outlives_an_outage_of_the_database(
    own_postgres: Postgres, postgres_owner: Owner
) -> None:
    owner = postgres_owner
    job_id = owner.submit(owner.ready_dataset("streamed", seed=2))["id"]
    told: list[str] = []

    def listen() -> None:
        with owner.http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
            told.extend(line for line in stream.iter_lines() if line.startswith("id:"))

    listener = threading.Thread(target=listen)
    listener.start()
    wait_for(lambda: len(told) == 1, 20, "the first event")
    own_postgres.stop()
    own_postgres.start()
    assert owner.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    listener.join(timeout=20)
    assert not listener.is_alive()
    assert told == ["id: 1", "id: 2", "id: 3"]


def test_whoever_follows_a_job_goes_on_after_an_outage_of_the_database(
    own_postgres: Postgres, postgres_owner: Owner
) -> None:
    owner = postgres_owner
    job_id = owner.submit(owner.ready_dataset("followed", seed=3))["id"]
    ended: list[str] = []

    def follow() -> None:
        with Client(owner.yard.url, owner.key) as client:
            ended.append(client.wait(job_id)["status"])

    own_postgres.stop()
    follower = threading.Thread(target=follow)
    follower.start()  # what it asks first is answered with 503
    follower.join(timeout=1.5)
    own_postgres.start()
    assert owner.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    follower.join(timeout=30)
    assert ended == ["cancelled"]


def test_a_job_that_is_sent_in_an_outage_of_the_database_is_queued_once(
    own_postgres: Postgres, postgres_owner: Owner
) -> None:
    owner = postgres_owner
    dataset = owner.ready_dataset("sent", seed=4)
    made: list[str] = []

    def send() -> None:
        with Client(owner.yard.url, owner.key) as client:
            first = client.submit(spec(dataset, name="in an outage"))
            owner.finish(owner.claim(first["id"]), best_step=4)
            made.extend([first["id"], client.replay(first["id"])["id"]])

    own_postgres.stop()
    sender = threading.Thread(target=send)
    sender.start()
    sender.join(timeout=1.5)
    own_postgres.start()
    sender.join(timeout=30)
    named = [j["id"] for j in owner.get("/v1/jobs")["items"] if j["name"] == "in an outage"]
    assert sorted(named) == sorted(made)
    assert len(made) == 2


@contextmanager
def killed(broker: Broker) -> Iterator[None]:
    broker.stop(signal.SIGKILL)
    try:
        yield
    finally:
        broker.start()


@contextmanager
def frozen(broker: Broker) -> Iterator[None]:
    broker.freeze()
    try:
        yield
    finally:
        broker.thaw()


@contextmanager
def refusing(broker: Broker) -> Iterator[None]:
    """It answers, with an error, as one does whose disk is full or that lost its replicas."""
    with redis.Redis.from_url(broker.url) as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            yield
        finally:
            client.config_set("min-replicas-to-write", 0)


@pytest.mark.parametrize("away", [killed, frozen, refusing])
def test_jobs_are_taken_while_the_broker_is_away_and_only_the_first_waits_for_it(
    own_broker: Broker,
    broker_owner: Owner,
    away: Callable[[Broker], AbstractContextManager[None]],
) -> None:
    dataset = broker_owner.ready_dataset(away.__name__, seed=sum(away.__name__.encode()))
    with away(own_broker):
        assert broker_owner.submit(dataset)["status"] == "queued"
        began = time.monotonic()
        assert broker_owner.submit(dataset)["status"] == "queued"
        assert time.monotonic() - began < 1.0


def test_a_stream_goes_on_without_the_broker(own_broker: Broker, broker_owner: Owner) -> None:
    owner = broker_owner
    job_id = owner.submit(owner.ready_dataset("polled", seed=9))["id"]
    own_broker.freeze()
    try:
        with owner.http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("event:"))
            assert next(lines) == "event: status"
            assert owner.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
            assert list(lines) == ["event: status", "event: end"]
    finally:
        own_broker.thaw()
