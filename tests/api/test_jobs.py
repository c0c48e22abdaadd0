"""Jobs over HTTP: making, listing, changing, ending, deleting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.api.yard import Owner, spec
from tests.store.lifecycle import ASKED, NEEDS_WORKER, bring_to
from trainyard import jsonable
from trainyard.status import JobStatus
from trainyard.store import events, workers
from trainyard.store.tables import Job
from trainyard.store.tables import Worker as WorkerRow


def test_a_job_is_queued_and_shown_as_the_contract_says(each_owner: Owner) -> None:
    owner = each_owner
    dataset = owner.ready_dataset(name="greys")
    answer = owner.http.post("/v1/jobs", json=spec("greys", notes="why", priority=3))
    assert answer.status_code == 201
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    expected = {
        "name": "tiny",
        "dataset": dataset,
        "dataset_name": "greys",
        "owner": owner.name,
        "tags": ["demo"],
        "priority": 3,
        "notes": "why",
        "definitions": {},
        "status": "queued",
        "reason": None,
        "attempt": 0,
        "summary": {},
        "best": None,
        "worker": None,
        "started_at": None,
        "finished_at": None,
        "attempts": [],
    }
    assert {key: job[key] for key in expected} == expected
    assert job["queue"]["position"] >= 1
    assert job["queue"]["waiting_for"]
    assert job["progress"]["step"] == 0
    assert job["model"]["layers"][1]["out_features"] == "num_classes"
    assert job["training"]["epochs"] == 1
    assert len(job["created_at"]) == len("2026-11-22T20:41:25.123Z")
    assert owner.get(f"/v1/jobs/{job['id']}") == job


def test_an_ended_job_shows_summary_best_and_attempts(each_owner: Owner) -> None:
    job_id = each_owner.trained_job()
    job = each_owner.get(f"/v1/jobs/{job_id}")
    assert job["status"] == "succeeded"
    assert job["queue"] is None
    assert job["summary"] == {"test/accuracy": 0.5, "train/loss": "Infinity"}
    assert job["best"] == {"metric": "val/accuracy", "value": 0.5, "step": 4}
    (attempt,) = job["attempts"]
    assert (attempt["number"], attempt["outcome"]) == (1, "succeeded")
    assert job["finished_at"] >= job["started_at"] >= job["created_at"]
    assert each_owner.get(f"/v1/jobs/{job_id}/report")["confusion_matrix"][0] == [1, 0, 0]


def test_the_same_idempotency_key_answers_the_same_job(each_owner: Owner) -> None:
    dataset = each_owner.ready_dataset()
    headers = {"Idempotency-Key": "once, please"}

    def post(body: dict[str, Any]) -> Any:
        return each_owner.http.post("/v1/jobs", json=body, headers=headers)

    first, again = post(spec(dataset)), post(spec(dataset))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert post(spec(dataset, name="another")).status_code == 409
    assert len(each_owner.get("/v1/jobs")["items"]) == 1


def test_of_concurrent_posts_with_one_key_one_job_is_made(each_owner: Owner) -> None:
    body = spec(each_owner.ready_dataset())
    headers = {"Idempotency-Key": "race"}

    def post(_: int) -> Any:
        return each_owner.http.post("/v1/jobs", json=body, headers=headers)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(each_owner.get("/v1/jobs")["items"]) == 1


def test_a_repeat_answers_the_first_result_whatever_has_changed_since(each_owner: Owner) -> None:
    dataset = each_owner.ready_dataset()
    first = each_owner.submit(dataset)["id"]
    body, headers = spec(dataset, after=first), {"Idempotency-Key": "again"}
    made = each_owner.http.post("/v1/jobs", json=body, headers=headers).json()["id"]
    each_owner.http.post(f"/v1/jobs/{first}/cancel")
    assert each_owner.http.post("/v1/jobs", json=body).status_code == 422
    again = each_owner.http.post("/v1/jobs", json=body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, made)
    assert again.json()["status"] == "cancelled"


@pytest.mark.parametrize("state", JobStatus)
def test_what_each_request_makes_of_a_job_in_each_state(each_owner: Owner, state: str) -> None:
    dataset = each_owner.ready_dataset()
    database = each_owner.yard.database
    for verb, table in ASKED.items():
        job = each_owner.submit(dataset)
        claimed = each_owner.claim(job["id"]) if state in NEEDS_WORKER else None
        with database.read() as session:
            row = session.get_one(Job, job["id"])
        bring_to(database, row, claimed, state)
        path = f"/v1/jobs/{job['id']}"
        if verb in ("delete", "patch"):
            body = {"json": {"notes": "new"}} if verb == "patch" else {}
            answer, accepted = each_owner.http.request(verb, path, **body), 200
        else:
            answer, accepted = each_owner.http.post(f"{path}/{verb}"), 202
        expected = table.get(state)
        assert answer.status_code == (accepted if expected else 409), (verb, answer.text)
        after = each_owner.http.get(path)
        now = "gone" if after.status_code == 404 else after.json()["status"]
        assert now == (expected or state), verb


def test_idempotency_keys_of_owners_do_not_meet(owner: Owner) -> None:
    headers = {"Idempotency-Key": "shared"}
    other = owner.yard.new_owner()
    made = [
        who.http.post("/v1/jobs", json=spec(who.ready_dataset()), headers=headers).json()["id"]
        for who in (owner, other)
    ]
    assert made[0] != made[1]


def test_jobs_are_listed_filtered_and_sorted(each_owner: Owner) -> None:
    owner = each_owner
    dataset, other = owner.ready_dataset("a"), owner.ready_dataset("b", seed=1)
    jobs = [
        owner.submit(dataset, name="beta", tags=["x"], priority=1),
        owner.submit(dataset, name="alpha", tags=["x", "y"], notes="find me"),
        owner.submit(other, name="gamma", tags=[]),
    ]
    owner.http.post(f"/v1/jobs/{jobs[2]['id']}/cancel")

    def names(**params: Any) -> list[str]:
        return [job["name"] for job in owner.get("/v1/jobs", **params)["items"]]

    assert names() == ["gamma", "alpha", "beta"]
    assert names(sort="created_at") == ["beta", "alpha", "gamma"]
    assert names(sort="name") == ["alpha", "beta", "gamma"]
    assert names(sort="-priority")[0] == "beta"
    assert names(status="queued") == ["alpha", "beta"]
    assert names(status=["queued", "cancelled"]) == ["gamma", "alpha", "beta"]
    assert names(tag="y") == ["alpha"]
    assert names(q="FIND") == ["alpha"]
    assert names(q="%") == []
    assert names(dataset="b") == names(dataset=other) == ["gamma"]


@pytest.mark.parametrize("sort", ["-created_at", "name", "priority"])
def test_pages_of_jobs_hold_each_job_once(owner: Owner, sort: str) -> None:
    dataset = owner.ready_dataset()
    ids = {owner.submit(dataset, name=f"n{n % 2}")["id"] for n in range(5)}
    seen, cursor = [], None
    while True:
        page = owner.get("/v1/jobs", limit=2, sort=sort, **({"cursor": cursor} if cursor else {}))
        seen += [job["id"] for job in page["items"]]
        owner.submit(dataset, name="later") if sort == "-created_at" else None
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) >= ids


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        f"limit={10**40}",
        "cursor=x",
        "cursor=%FF%FE",
        "cursor=",
        "cursor=WyJuYW1lIiwxLDJd",
        "status=lost",
        "sort=size",
        "q=%00",
    ],
)
def test_a_wrong_list_query_is_422(owner: Owner, query: str) -> None:
    for path in ("/v1/jobs", "/v1/datasets"):
        answer = owner.http.get(f"{path}?{query}")
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"]


def test_a_job_is_changed_by_patch(each_owner: Owner) -> None:
    job = each_owner.submit(each_owner.ready_dataset())
    path = f"/v1/jobs/{job['id']}"
    change = {"name": "new", "notes": "n", "tags": ["a", "b"], "priority": 7}
    changed = each_owner.http.patch(path, json=change)
    assert changed.status_code == 200
    assert {key: changed.json()[key] for key in change} == change
    assert each_owner.http.patch(path, json={"name": "newer"}).json()["tags"] == ["a", "b"]
    wrong = each_owner.http.patch(path, json={"nam": "x", "priority": 10**9, "tags": [1]})
    assert wrong.status_code == 422
    paths = {error["path"] for error in wrong.json()["errors"]}
    assert paths == {"/nam", "/priority", "/tags/0"}


def test_a_queued_job_is_paused_resumed_and_cancelled(each_owner: Owner) -> None:
    job = each_owner.submit(each_owner.ready_dataset())

    def ask(what: str) -> tuple[int, str]:
        answer = each_owner.http.post(f"/v1/jobs/{job['id']}/{what}")
        return answer.status_code, answer.json().get("status", "")

    assert ask("resume")[0] == 409
    assert ask("pause") == (202, "paused")
    assert ask("resume") == (202, "queued")
    assert ask("cancel") == (202, "cancelled")
    for what in ("cancel", "pause", "resume"):
        assert ask(what) == (409, 409)
    ended = each_owner.get(f"/v1/jobs/{job['id']}")
    assert ended["reason"]["code"] == "cancelled_by_user"


def test_a_running_job_is_asked_to_stop(each_owner: Owner) -> None:
    job = each_owner.submit(each_owner.ready_dataset())
    each_owner.claim(job["id"])
    path = f"/v1/jobs/{job['id']}"
    assert each_owner.http.delete(path).status_code == 409
    assert each_owner.http.post(f"{path}/pause").json()["status"] == "pausing"
    assert each_owner.http.post(f"{path}/cancel").json()["status"] == "cancelling"
    assert each_owner.http.post(f"{path}/cancel").status_code == 202


def test_a_job_comes_after_another_and_begins_with_its_weights(each_owner: Owner) -> None:
    dataset = each_owner.ready_dataset()
    first = each_owner.submit(dataset)
    training = {"epochs": 1, "batch_size": 8, "init_from": first["id"]}
    early = each_owner.http.post("/v1/jobs", json=spec(dataset, training=training))
    assert early.status_code == 422  # it has no weights yet, and is not waited for
    assert "`after`" in early.json()["errors"][0]["expected"]
    second = each_owner.submit(dataset, training=training, after=first["id"])
    assert second["after"] == [first["id"]]
    assert second["queue"]["after"] == [first["id"]]
    assert second["queue"]["waiting_for"] == f"{first['id']} (queued) to succeed"
    (item,) = [i for i in each_owner.get("/v1/queue")["items"] if i["job_id"] == second["id"]]
    assert item["after"] == [first["id"]]
    check = each_owner.http.post(
        "/v1/specs/check", json=spec(dataset, training=training, after=[first["id"]])
    )
    assert check.status_code == 200
    each_owner.http.post(f"/v1/jobs/{first['id']}/cancel")
    ended = each_owner.get(f"/v1/jobs/{second['id']}")
    assert (ended["status"], ended["queue"]) == ("cancelled", None)
    assert ended["reason"]["code"] == "dependency_failed"


def test_every_mistake_of_after_comes_back_with_its_place(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    theirs = owner.yard.new_owner()
    foreign = theirs.submit(theirs.ready_dataset())["id"]
    ended = owner.submit(dataset)["id"]
    owner.http.post(f"/v1/jobs/{ended}/cancel")
    body = spec(dataset, after=[ended, foreign, "job_0"])
    body["model"]["layers"][1]["out_features"] = 7  # a wrong size, told in the same answer
    for path in ("/v1/jobs", "/v1/specs/check"):
        answer = owner.http.post(path, json=body)
        assert answer.status_code == 422
        paths = [error["path"] for error in answer.json()["errors"]]
        assert {"/after/0", "/after/1", "/after/2"} < set(paths)
        assert any(path.startswith("/model") for path in paths)
    single = owner.http.post("/v1/jobs", json={**spec(dataset), "after": "job_0"})
    assert [error["path"] for error in single.json()["errors"]] == ["/after"]
    wrong = owner.http.post("/v1/jobs", json={**spec(dataset), "after": ["first", 3]})
    assert [error["path"] for error in wrong.json()["errors"]] == ["/after/0", "/after/1"]


def test_deleting_a_job_frees_what_was_told_and_leaves_nothing(each_owner: Owner) -> None:
    job_id = each_owner.trained_job()
    yard = each_owner.yard
    for format in ("bundle", "onnx", "safetensors"):
        model = each_owner.http.get(
            f"/v1/jobs/{job_id}/model", params={"format": format, "checkpoint": "last"}
        )
        assert model.status_code == 200
    usage = each_owner.get("/v1/usage")["bytes"]
    assert usage["checkpoints"] > 0
    with yard.database.read() as session:
        told = [(e.data, e.message or "") for e in events.read_events(session, job_id)]
    story = sum(len(jsonable.dumps(data).encode()) + len(text.encode()) for data, text in told)
    freed = each_owner.http.delete(f"/v1/jobs/{job_id}").json()
    assert freed == {"freed_bytes": usage["checkpoints"] + usage["artifacts"] + story}
    with yard.database.read() as session:
        assert events.read_events(session, job_id) == []
    after = each_owner.get("/v1/usage")["bytes"]
    assert (after["checkpoints"], after["artifacts"]) == (0, 0)
    assert not [path for path in yard.settings.home.rglob("*") if job_id in str(path)]
    for path in ("", "/metrics", "/logs", "/events", "/checkpoints", "/model", "/report"):
        assert each_owner.http.get(f"/v1/jobs/{job_id}{path}").status_code == 404


def test_another_owners_job_is_not_found(owner: Owner) -> None:
    job_id = owner.trained_job()
    http = owner.yard.new_owner().http
    for path in ("", "/metrics", "/logs", "/events", "/checkpoints", "/checkpoints/4", "/model"):
        answer = http.get(f"/v1/jobs/{job_id}{path}")
        assert answer.status_code == 404, path
        assert answer.json()["detail"] == f"There is no job {job_id}."
    for what in ("cancel", "pause", "resume"):
        assert http.post(f"/v1/jobs/{job_id}/{what}").status_code == 404
    assert http.post(f"/v1/jobs/{job_id}/predictions", json=[[[0]]]).status_code == 404
    assert http.patch(f"/v1/jobs/{job_id}", json={"name": "mine"}).status_code == 404
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 404
    assert http.get("/v1/jobs").json()["items"] == []
    assert owner.get(f"/v1/jobs/{job_id}")["name"] == "tiny"


def test_queue_workers_and_usage_show_how_things_stand(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    first, second = owner.submit(dataset, priority=900), owner.submit(dataset, priority=901)
    queue = owner.get("/v1/queue")
    assert [item["job_id"] for item in queue["items"]] == [second["id"], first["id"]]
    assert queue["queued"] >= 2
    assert owner.yard.new_owner().get("/v1/queue")["items"] == []

    claimed = owner.claim(first["id"])
    with owner.yard.database.write() as session:
        workers.register_worker(session, "w-seen", host="h", device="cpu", worker_pid=7)
        workers.beat(session, "w-seen", "busy", job_id=claimed.id, trainer_pid=8)
    (worker,) = [item for item in owner.get("/v1/workers")["items"] if item["id"] == "w-seen"]
    expected = {"host": "h", "device": "cpu", "status": "busy", "worker_pid": 7, "trainer_pid": 8}
    assert {key: worker[key] for key in expected} == expected
    assert worker["job_id"] == claimed.id
    stranger = owner.yard.new_owner().get("/v1/workers")["items"]
    assert [item["job_id"] for item in stranger if item["id"] == "w-seen"] == [None]

    with owner.yard.database.write() as session:
        session.get_one(WorkerRow, "w-seen").last_seen -= timedelta(days=0.5)
    (lost,) = [item for item in owner.get("/v1/workers")["items"] if item["id"] == "w-seen"]
    assert (lost["status"], lost["job_id"], lost["trainer_pid"]) == ("lost", None, None)

    usage = owner.get("/v1/usage")
    assert usage["datasets"] == 1
    assert usage["jobs_by_status"]["queued"] == 1
    assert usage["bytes"]["datasets"] == owner.get(f"/v1/datasets/{dataset}")["size_bytes"]


def test_metrics_and_logs_are_read_back(each_owner: Owner) -> None:
    job = each_owner.submit(each_owner.ready_dataset())
    claimed = each_owner.claim(job["id"])
    path = f"/v1/jobs/{job['id']}"
    losses = [float(step) for step in range(1, 501)]
    losses[250] = float("nan")
    news = [
        events.metrics_event(step, 1, {"train/loss": loss})
        for step, loss in enumerate(losses, start=1)
    ]
    each_owner.tell(claimed, *news, events.metrics_event(500, 1, {"val/loss": 0.25}))
    lines = [events.log_event("info" if n % 2 else "warning", f"line {n}") for n in range(6)]
    each_owner.tell(claimed, *lines)

    series = each_owner.get(f"{path}/metrics")["series"]
    assert [one["name"] for one in series] == ["train/loss", "val/loss"]
    assert series[0]["points"][0] == [1, 1.0]
    assert series[0]["points"][250] == [251, "NaN"]
    assert series[0]["attempts"] == [{"attempt": 1, "from_step": 1}]
    (thin,) = each_owner.get(f"{path}/metrics", name="train/loss", max_points=50)["series"]
    assert len(thin["points"]) <= 50
    assert [251, "NaN"] in thin["points"]
    (late,) = each_owner.get(f"{path}/metrics", name="val/loss", after_step=499)["series"]
    assert late["points"] == [[500, 0.25]]
    for query in ("max_points=0", "max_points=x", "after_step=-2", f"after_step={2**70}"):
        assert each_owner.http.get(f"{path}/metrics?{query}").status_code == 422

    logs = each_owner.get(f"{path}/logs", limit=4)
    more = each_owner.get(f"{path}/logs", limit=4, cursor=logs["next_cursor"])
    messages = [line["message"] for line in logs["items"] + more["items"]]
    assert messages == [f"line {n}" for n in range(6)]
    assert more["next_cursor"] is None
    after = each_owner.get(f"{path}/logs", after=logs["items"][3]["seq"])
    assert after["items"] == more["items"]
    warnings = each_owner.get(f"{path}/logs", level="warning")["items"]
    assert [line["message"] for line in warnings] == ["line 0", "line 2", "line 4"]
    found = each_owner.get(f"{path}/logs", q="LINE 3")["items"]
    assert [line["message"] for line in found] == ["line 3"]
    assert each_owner.http.get(f"{path}/report").status_code == 404
