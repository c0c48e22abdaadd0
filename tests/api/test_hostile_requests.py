"""Requests that nobody should send: each is refused with a problem, none breaks anything."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from api.limits import RateLimit
from tests.api.yard import Owner, Yard, npz, running_yard, spec
from tests.support.servers import Broker
from trainyard.errors import TooManyRequests
from trainyard.store.database import migrate

JSON = {"Content-Type": "application/json"}


def _post(owner: Owner, body: bytes, path: str = "/v1/jobs", **headers: str) -> Any:
    answer = owner.http.post(path, content=body, headers=JSON | headers)
    assert 400 <= answer.status_code < 500, (body[:80], answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b'{"dataset": NaN}', 400),
        (b'{"dataset": -Infinity}', 400),
        (b'{"dataset": 1e999}', 400),
        (b'{"dataset": "a", "dataset": "b"}', 400),
        (b"[" * 100_000, 400),
        (b"[" * 65 + b"]" * 65, 400),
        (b"[" * 64 + b"]" * 64, 422),
        (b'{"a":' * 900 + b"1" + b"}" * 900, 400),
        (b"9" * 5000, 400),
        (b'"\\ud800"', 422),
        (b'{"\\u0000": 1}', 422),
        (b'{"dataset": "\\u0000"}', 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"dataset": {"a": 1}, "model": 7, "training": []}', 422),
    ],
)
def test_json_that_is_none_of_ours(owner: Owner, body: bytes, status: int) -> None:
    assert _post(owner, body).status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"name": "\x00"},
        {"name": "x" * 10_000},
        {"tags": ["a"] * 1000},
        {"tags": "demo"},
        {"priority": 2**63},
        {"priority": 1.5},
        {"dataset": "x" * 5000},
        {"training": {"epochs": 10**30}},
        {"training": {"batch_size": -1}},
        {"training": {"optimizer": {"type": "adam", "lr": "NaN"}}},
        {"model": {"layers": [{"type": "linear", "out_features": 10**18}]}},
        {"model": {"layers": [{"type": "flatten"}] * 2000}},
        {"model": {"layers": [{"type": "conv2d", "out_channels": 1, "kernel_size": 10**9}]}},
        {"definitions": {"layers": {"x": 1}}},
        {"id": "job_mine"},
        {"status": "succeeded"},
    ],
)
def test_specs_out_of_bounds(owner: Owner, change: dict[str, Any]) -> None:
    body = spec("greys") | change
    assert _post(owner, json.dumps(body).encode()).status_code == 422


def test_a_body_over_the_limit_is_413(owner: Owner) -> None:
    body = json.dumps(spec("greys") | {"notes": "x" * 1_100_000}).encode()
    for path in ("/v1/jobs", "/v1/specs/check", "/v1/session"):
        assert _post(owner, body, path).status_code == 413

    def pieces() -> Any:
        for _ in range(200):
            yield b" " * 100_000

    answer = owner.http.post("/v1/jobs", content=pieces(), headers=JSON)
    assert answer.status_code == 413


def test_other_media_types_are_415(owner: Owner) -> None:
    body = json.dumps(spec("greys")).encode()
    for media in ("text/plain", "application/xml", "multipart/form-data; boundary=x", ""):
        assert _post(owner, body, **{"Content-Type": media}).status_code == 415


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/jobs/%00", 404),
        ("/v1/jobs/job_%00", 404),
        ("/v1/jobs/%FF%FE", 404),
        ("/v1/jobs/" + "x" * 8000, 404),
        ("/v1/jobs/..%2f..%2fetc%2fpasswd", 404),
        ("/v1/jobs/'%20OR%201=1--", 404),
        ("/v1/jobs/job_1/checkpoints/99999999999999999999", 422),
        ("/v1/datasets/%F0%9F%9A%82", 404),
        ("/v1/jobs?dataset=%00", 422),
        ("/v1/nothing", 404),
        ("/v1/", 404),
        ("/v1/jobs/", 404),
        ("//v1/jobs", 404),
    ],
)
def test_odd_addresses(each_owner: Owner, path: str, status: int) -> None:
    answer = each_owner.http.get(f"{each_owner.yard.url}{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_methods_that_are_not_allowed_are_405(owner: Owner) -> None:
    for method, path in (("PUT", "/v1/jobs"), ("POST", "/healthz"), ("DELETE", "/v1/usage")):
        answer = owner.http.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nRange: \xff\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        "GARBAGE\r\n\r\n",
    ],
)
def test_raw_rubbish_leaves_the_api_alive(owner: Owner, request_text: str) -> None:
    address = urlparse(owner.yard.url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request_text.format(key=owner.key).encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert not answer.startswith(b"HTTP/1.1 5")
    assert owner.http.get("/healthz").status_code == 200


def test_limits_of_rate_jobs_and_upload_are_kept(tmp_path: Path, broker: Broker) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    limits = {
        "max_requests_per_minute": "30",
        "max_jobs_per_owner": "2",
        "max_upload_bytes": "100000",
    }
    with running_yard(tmp_path, url, broker.url, **limits) as yard:
        _upload_too_large(yard.new_owner())
        _too_many_jobs(yard.new_owner())
        _too_many_requests(yard)


def _upload_too_large(owner: Owner) -> None:
    for size in (1_200_000, 8_000_000):
        answer = owner.upload(b"x" * size)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
    assert list((owner.yard.settings.home / "tmp" / "api").glob("*/*")) == []
    assert not (owner.yard.settings.home / "store" / "uploads").exists()


def _too_many_jobs(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    for _ in range(2):
        owner.submit(dataset)
    answer = owner.http.post("/v1/jobs", json=spec(dataset))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def _too_many_requests(yard: Yard) -> None:
    owner, other = yard.new_owner(), yard.new_owner()
    answers = [owner.http.get("/v1/jobs") for _ in range(30)]
    assert {answer.status_code for answer in answers} == {200}
    more = (owner.http.get("/v1/jobs") for _ in range(500))  # some pass while the bucket refills
    refused = next(answer for answer in more if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert other.http.get("/v1/jobs").status_code == 200, "limits are by key"


def test_a_bucket_refills_evenly() -> None:
    moment = 0.0
    limit = RateLimit(60, clock=lambda: moment)
    for _ in range(60):
        limit.take("a")
    with pytest.raises(TooManyRequests) as refused:
        limit.take("a")
    assert refused.value.retry_after_seconds == pytest.approx(1.0)
    moment = 1.0
    limit.take("a")
    with pytest.raises(TooManyRequests):
        limit.take("a")
    moment = 1000.0
    for _ in range(60):
        limit.take("a")
    with pytest.raises(TooManyRequests):
        limit.take("a")


def test_an_upload_that_breaks_off_leaves_nothing(owner: Owner) -> None:
    address = urlparse(owner.yard.url)
    assert address.hostname
    assert address.port
    head = (
        f"POST /v1/datasets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {owner.key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"x" * 3_000_000)
    assert owner.upload(npz(seed=5)).status_code == 202
    assert len(owner.get("/v1/datasets")["items"]) == 1
