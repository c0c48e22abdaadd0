"""The OpenAPI document: what it promises, and that the API keeps it whatever it is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance

from api.app import create_app
from tests.api.yard import Owner
from trainyard.settings import Settings

ROOT = Path(__file__).parents[2]
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
EXAMPLES = 8  # a call and mode; the whole run stays under a minute on two cores


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The document, as the application makes it."""
    app = create_app(Settings(_env_file=None, home=tmp_path_factory.mktemp("home")))
    return app.openapi()


def test_the_dashboards_copy_is_the_printed_document() -> None:
    command = [sys.executable, "-m", "api.openapi"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    kept = (ROOT / "frontend" / "openapi.json").read_text(encoding="utf-8")
    assert printed.stdout == kept, "run: python -m api.openapi > frontend/openapi.json"


def test_every_call_of_the_contract_is_there(document: dict[str, Any]) -> None:
    contract = """
        POST /v1/datasets | GET /v1/datasets | GET /v1/datasets/{dataset_id}
        GET /v1/datasets/{dataset_id}/samples | GET /v1/datasets/{dataset_id}/samples/{n}.png
        DELETE /v1/datasets/{dataset_id} | GET /v1/specs/schema | POST /v1/specs/check
        GET /v1/layers | GET /v1/optimizers | GET /v1/losses | GET /v1/augmentations
        POST /v1/jobs | GET /v1/jobs | GET /v1/jobs/{job_id} | PATCH /v1/jobs/{job_id}
        DELETE /v1/jobs/{job_id} | POST /v1/jobs/{job_id}/cancel | POST /v1/jobs/{job_id}/pause
        POST /v1/jobs/{job_id}/resume | GET /v1/jobs/{job_id}/metrics
        GET /v1/jobs/{job_id}/events | GET /v1/jobs/{job_id}/logs | GET /v1/jobs/{job_id}/report
        GET /v1/jobs/{job_id}/checkpoints | GET /v1/jobs/{job_id}/checkpoints/{step}
        GET /v1/jobs/{job_id}/model | POST /v1/jobs/{job_id}/predictions
        GET /healthz | GET /readyz | GET /metrics | GET /v1/workers | GET /v1/queue
        OPTIONS /v1/uploads | POST /v1/uploads | HEAD /v1/uploads/{upload_id}
        PATCH /v1/uploads/{upload_id} | DELETE /v1/uploads/{upload_id}
        GET /v1/datasets/{dataset_id}/download | GET /v1/usage | POST /v1/keys | GET /v1/keys
        DELETE /v1/keys/{key_id}
        POST /v1/session | GET /v1/session | DELETE /v1/session
    """
    wanted = {" ".join(call.split()) for line in contract.splitlines() for call in line.split("|")}
    there = {f"{method.upper()} {path}" for path, method, _ in _operations(document)}
    assert wanted - {""} <= there


def test_operation_ids_are_unique_and_every_call_is_described(document: dict[str, Any]) -> None:
    operations = _operations(document)
    ids = Counter(operation["operationId"] for _, _, operation in operations)
    assert set(ids.values()) == {1}
    for path, method, operation in operations:
        assert operation["description"], (method, path)
        assert len(operation["tags"]) == 1, (method, path)


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in _operations(document):
        assert "default" in operation["responses"], (method, path)
        for code, response in operation["responses"].items():
            if code == "default" or code.startswith(("4", "5")):
                (media,) = response["content"]
                assert media == "application/problem+json", (method, path, code)
        if path.startswith("/v1/") and (method, path) != ("post", "/v1/session"):
            assert operation["security"] == [{"key": []}, {"session": []}], (method, path)


def test_the_api_keeps_its_document_whatever_it_is_asked(
    owner: Owner, document: dict[str, Any]
) -> None:
    """Schemathesis makes up requests, good and bad ones, for every call."""
    owner.trained_job()
    schema = schemathesis.openapi.from_dict(document)
    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    called = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            called += _call(owner, operation, mode, settings)
    assert called > 200


def _call(owner: Owner, operation: Any, mode: GenerationMode, settings: Any) -> int:
    called = 0

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @settings
    def probe(case: Any) -> None:
        nonlocal called
        called += 1
        _check(owner, case)

    try:
        probe()
    except hypothesis.errors.Unsatisfiable:
        return called  # nothing of this call can be wrong
    return called


def _check(owner: Owner, case: Any) -> None:
    headers = {"Authorization": f"Bearer {owner.key}"}
    answer = case.call(base_url=owner.yard.url, headers=headers, timeout=60)
    told = f"{case.method} {answer.request.url}: {answer.status_code}"
    assert answer.status_code < 500, told
    if answer.status_code >= 400:
        assert answer.headers["content-type"][0] == "application/problem+json", told
        if case.method == "HEAD":
            return  # tells no more
        problem = json.loads(answer.content)
        assert problem["status"] == answer.status_code
        assert problem["title"]
    case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])
