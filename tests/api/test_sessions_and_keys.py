"""Who may come in, and as whom."""

from __future__ import annotations

import httpx
import pytest

from tests.api.yard import Owner, Yard
from trainyard.store import keys


def test_without_key_or_session_the_answer_is_401(yard: Yard) -> None:
    for path in ("/v1/jobs", "/v1/session", "/v1/layers", "/v1/specs/schema", "/v1/usage"):
        answer = yard.client().get(path)
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("value", ["Bearer nonsense", "Bearer", "Basic abc", "Bearer \xff"])
def test_an_unknown_key_is_401(yard: Yard, value: str) -> None:
    answer = yard.client().get("/v1/jobs", headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401


def test_a_session_cookie_lets_the_browser_in_until_it_logs_out(owner: Owner, yard: Yard) -> None:
    browser = yard.client()
    answer = browser.post("/v1/session", json={"key": owner.key})
    assert answer.json() == {"owner": owner.name, "key_id": owner.key_id, "is_admin": False}
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert owner.key not in answer.headers["set-cookie"]
    assert browser.get("/v1/session").json()["owner"] == owner.name
    kept = dict(browser.cookies)

    assert browser.delete("/v1/session").status_code == 204
    assert browser.get("/v1/session").status_code == 401
    again = yard.client()
    again.cookies.update(kept)
    assert again.get("/v1/session").status_code == 401, "a copied cookie has ended too"


def test_a_login_link_works_once(yard: Yard) -> None:
    owner = yard.new_owner()
    with yard.database.write() as session:
        token = keys.create_login_token(session, owner.key_id)
    first, second = yard.client(), yard.client()
    assert first.post("/v1/session", json={"token": token}).status_code == 200
    assert first.get("/v1/session").json()["owner"] == owner.name
    assert second.post("/v1/session", json={"token": token}).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "wrong"}, 401),
        ({"token": "wrong"}, 401),
        ({}, 422),
        ({"key": "a", "token": "b"}, 422),
        ({"key": 1}, 422),
        ({"key": "a", "more": 1}, 422),
    ],
)
def test_a_wrong_login_is_refused(yard: Yard, body: dict[str, str], status: int) -> None:
    answer = yard.client().post("/v1/session", json=body)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


def test_another_site_cannot_use_the_cookie_to_change_anything(owner: Owner, yard: Yard) -> None:
    browser = yard.client()
    browser.post("/v1/session", json={"key": owner.key})
    body = {"name": "from a page"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert browser.post("/v1/keys", json=body, headers=headers).status_code == 403, headers
        assert browser.get("/v1/keys", headers=headers).status_code == 200
    own = {"Origin": yard.url, "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/v1/keys", json=body, headers=own).status_code == 201
    login = yard.client().post(
        "/v1/session", json={"key": owner.key}, headers={"Origin": "https://evil.example"}
    )
    assert login.status_code == 403


def test_a_key_is_shown_once_and_works_until_it_is_deleted(owner: Owner, yard: Yard) -> None:
    made = owner.http.post("/v1/keys", json={"name": "laptop"}).json()
    assert made["owner"] == owner.name
    assert "key" not in owner.get("/v1/keys")["items"][1]
    other = yard.client(made["key"])
    assert other.get("/v1/session").json()["key_id"] == made["id"]
    assert owner.http.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert other.get("/v1/session").status_code == 401
    assert owner.http.delete(f"/v1/keys/{made['id']}").status_code == 404


def test_only_an_administrator_makes_keys_for_others(owner: Owner, yard: Yard) -> None:
    admin = yard.client(yard.admin_key)
    other = yard.new_owner()
    assert owner.http.post("/v1/keys", json={"name": "x", "owner": other.name}).status_code == 403
    made = admin.post("/v1/keys", json={"name": "x", "owner": other.name}).json()
    assert yard.client(made["key"]).get("/v1/session").json()["owner"] == other.name
    assert owner.http.delete(f"/v1/keys/{made['id']}").status_code == 404
    names = {item["owner"] for item in admin.get("/v1/keys", params={"limit": 200}).json()["items"]}
    assert {"admin", other.name} <= names
    assert {item["owner"] for item in owner.get("/v1/keys")["items"]} == {owner.name}


def test_the_last_administrators_key_cannot_be_deleted(yard: Yard) -> None:
    admin = yard.client(yard.admin_key)
    own = admin.get("/v1/session").json()["key_id"]
    assert admin.delete(f"/v1/keys/{own}").status_code == 409
    assert admin.get("/v1/session").status_code == 200


def test_a_repeated_key_request_answers_the_same_key_without_its_secret(owner: Owner) -> None:
    headers = {"Idempotency-Key": "make a key"}
    first = owner.http.post("/v1/keys", json={"name": "once"}, headers=headers)
    second = owner.http.post("/v1/keys", json={"name": "once"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["key"]
    assert second.json()["key"] is None
    other = owner.http.post("/v1/keys", json={"name": "other"}, headers=headers)
    assert other.status_code == 409


def test_keys_are_listed_in_pages(owner: Owner) -> None:
    for number in range(4):
        owner.http.post("/v1/keys", json={"name": f"key {number}"})
    first = owner.get("/v1/keys", limit=3)
    second = owner.get("/v1/keys", limit=3, cursor=first["next_cursor"])
    names = [item["name"] for item in first["items"] + second["items"]]
    assert names == ["a key", "key 0", "key 1", "key 2", "key 3"]
    assert second["next_cursor"] is None


def test_answers_carry_headers_that_make_browsers_careful(owner: Owner) -> None:
    answer: httpx.Response = owner.http.get("/v1/jobs")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self';" in answer.headers["content-security-policy"]
