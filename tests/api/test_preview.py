"""A look at augmented samples over HTTP: what is asked wrongly, and no worker to answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.yard import Owner, Yard

Ready = tuple[Owner, str]


@pytest.fixture(scope="module")
def ready(yard: Yard) -> Ready:
    """Somebody and their dataset, of pictures (1, 4, 4)."""
    owner = yard.new_owner()
    return owner, owner.ready_dataset()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"augment": [{"type": "random_flop"}]}, "/augment/0/type"),
        ({"augment": [{"type": "jitter"}]}, "/augment/0"),
        ({"augment": [{"type": "random_flip", "p": 2.0}]}, "/augment/0/p"),
        ({"preprocess": [{"type": "clahe", "tiles": 8}]}, "/preprocess/0"),
        ({"definitions": {"augmentations": {"own": {"forward": "flatten(x)"}}},
          "augment": [{"type": "own"}]}, "/augment/0"),
        ({"split": "dev", "n": [3]}, "/split"),
        ({"n": [3, 99]}, "/n/1"),
        ({"n": 17}, "/n"),
        ({"variants": 9}, "/variants"),
        ({"seed": "1"}, "/seed"),
        ({"augmentations": []}, "/augmentations"),
    ],
)  # fmt: skip
def test_a_look_at_what_does_not_fit_is_refused_with_its_place(
    ready: Ready, body: dict[str, Any], path: str
) -> None:
    owner, dataset_id = ready
    answer = owner.http.post(f"/v1/datasets/{dataset_id}/augmented", json=body)
    assert answer.status_code == 422, answer.text
    assert [mistake["path"] for mistake in answer.json()["errors"]] == [path]


def test_all_mistakes_of_a_look_come_at_once(ready: Ready) -> None:
    owner, dataset_id = ready
    body = {"augment": [{"type": "random_flop"}], "preprocess": [{"type": "clip"}], "n": [99]}
    answer = owner.http.post(f"/v1/datasets/{dataset_id}/augmented", json=body)
    paths = {mistake["path"] for mistake in answer.json()["errors"]}
    assert paths == {"/augment/0/type", "/preprocess/0", "/n/0"}


def test_without_a_worker_a_look_is_unavailable_and_says_why(ready: Ready) -> None:
    owner, dataset_id = ready
    answer = owner.http.post(f"/v1/datasets/{dataset_id}/augmented", json={})
    assert answer.status_code == 503
    assert "No worker" in answer.json()["detail"]
    assert answer.headers["Retry-After"]


def test_nobody_looks_at_anothers_samples(ready: Ready, yard: Yard) -> None:
    _, dataset_id = ready
    stranger = yard.new_owner()
    assert stranger.http.post(f"/v1/datasets/{dataset_id}/augmented", json={}).status_code == 404
