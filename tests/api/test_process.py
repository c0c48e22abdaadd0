"""The API's process itself: how it starts, and what it keeps out."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.api.yard import Owner, Yard, running_yard, spec
from tests.support.servers import Broker
from trainyard.store.database import migrate

MAX_RSS_BYTES = 200 * 1024**2


def _resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def test_api_never_maps_torch_and_stays_under_200_mb(owner: Owner, yard: Yard) -> None:
    job_id = owner.trained_job()
    for path in ("/v1/layers", "/v1/specs/schema", "/openapi.json", f"/v1/jobs/{job_id}/model"):
        assert owner.http.get(path).status_code == 200
    sample = [[[[0] * 4] * 4]]
    assert owner.http.post(f"/v1/jobs/{job_id}/predictions", json=sample).status_code == 200

    maps = Path(f"/proc/{yard.process.pid}/maps").read_text()
    assert "torch" not in maps
    assert "onnxruntime" not in maps
    resident = _resident_bytes(yard.process.pid)
    print(f"ready after {yard.ready_seconds:.2f} s, {resident / 1e6:.0f} MB resident")
    assert resident < MAX_RSS_BYTES


def test_readyz_answers_when_everything_does(yard: Yard) -> None:
    parts = {"database": "ok", "broker": "ok", "store": "ok"}
    assert yard.client().get("/readyz").json() == {"status": "ready", **parts}


def test_readyz_names_the_part_that_does_not_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    with running_yard(tmp_path, url, f"unix://{tmp_path / 'nobody'}") as alone:
        answer = httpx.get(f"{alone.url}/readyz")
        owner = alone.new_owner()
        assert owner.submit(owner.ready_dataset())["status"] == "queued", (
            "the broker is only a doorbell"
        )
    assert answer.status_code == 503
    assert [error["path"] for error in answer.json()["errors"]] == ["/broker"]
    assert "nobody" not in answer.text, "addresses of parts are not told"


def test_an_idempotency_key_is_remembered_by_the_next_process(
    tmp_path: Path, broker: Broker
) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    headers = {"Idempotency-Key": "for long"}
    with running_yard(tmp_path, url, broker.url) as first:
        owner = first.new_owner()
        body = spec(owner.ready_dataset())
        made = owner.http.post("/v1/jobs", json=body, headers=headers).json()["id"]
        key = owner.key
    with running_yard(tmp_path, url, broker.url, admin_key=first.admin_key) as second:
        http = second.client(key)
        again = http.post("/v1/jobs", json=body, headers=headers)
        assert (again.status_code, again.json()["id"]) == (201, made)
        other = http.post("/v1/jobs", json={**body, "name": "other"}, headers=headers)
        assert other.status_code == 409
        assert [job["id"] for job in http.get("/v1/jobs").json()["items"]] == [made]


def test_a_bug_answers_500_with_an_id_that_stands_in_the_log(
    tmp_path: Path, broker: Broker
) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    with running_yard(tmp_path, url, broker.url) as broken:
        owner = broken.new_owner()
        dataset = owner.ready_dataset()
        folder = broken.blobs.local_file(f"datasets/{dataset}/1/train_x.npy")
        assert folder is not None
        folder.unlink()
        answer = owner.http.get(f"/v1/datasets/{dataset}/samples")
        log = broken.log.read_text()
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert "Traceback" not in answer.text
    assert str(tmp_path) not in answer.text
    assert problem["error_id"] in log
    assert "Traceback" in log


def test_requests_are_counted_by_route_template(owner: Owner, yard: Yard) -> None:
    assert owner.http.get("/v1/jobs/job_unknown").status_code == 404
    figures = owner.http.get("/metrics").text
    labels = '{method="GET",route="/v1/jobs/{job_id}",status="404"}'
    assert f"trainyard_http_requests_total{labels}" in figures
    assert "job_unknown" not in figures
    assert 'trainyard_jobs{status="queued"}' in figures


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"]
)
def test_docs_come_from_this_machine(yard: Yard, path: str) -> None:
    answer = yard.client().get(path)
    assert answer.status_code == 200
    assert "https://cdn" not in answer.text[:2000]
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"].split("style-src")[0]
