"""Uploads in pieces, by the tus protocol: what each call answers, and what is left of them."""

from __future__ import annotations

import base64
import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx
import pytest
from sqlalchemy import update

from tests.api.yard import Owner, npz, running_yard
from tests.support.servers import Broker, wait_for
from trainyard.store import garbage
from trainyard.store.database import migrate
from trainyard.store.tables import Upload, now

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}
NAME = base64.b64encode(b"greys.npz").decode()


def begin(owner: Owner, size_bytes: int, **headers: str) -> str:
    """A new upload's address."""
    told = {"Upload-Length": str(size_bytes), "Upload-Metadata": f"filename {NAME}"}
    answer = owner.http.post("/v1/uploads", headers=TUS | told | headers)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


def append(owner: Owner, path: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    told = PIECE | {"Upload-Offset": str(offset)} | headers
    return owner.http.patch(path, content=data, headers=told)


def offset_of(owner: Owner, path: str) -> int:
    answer = owner.http.head(path, headers=TUS)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["upload-offset"])


def send(owner: Owner, data: bytes) -> str:
    """A finished upload's id."""
    path = begin(owner, len(data))
    assert append(owner, path, 0, data).status_code == 204
    return path.rpartition("/")[2]


def become(owner: Owner, upload: str, **fields: Any) -> httpx.Response:
    return owner.http.post("/v1/datasets", json={"upload": upload, **fields})


def file_of(owner: Owner, path: str) -> Path:
    return owner.yard.settings.home / "store" / "incoming" / path.rpartition("/")[2]


def assert_problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["tus-resumable"] == "1.0.0"
    detail: str = answer.json()["detail"]
    return detail


def test_a_file_in_three_pieces_becomes_a_dataset(each_owner: Owner) -> None:
    owner, data = each_owner, npz()
    path = begin(owner, len(data))
    pieces = (data[:1000], data[1000:1001], data[1001:])
    offset = 0
    for piece in pieces:
        answer = append(owner, path, offset, piece)
        offset += len(piece)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(offset))
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["upload-expires"].endswith(" GMT")
        assert offset_of(owner, path) == offset
    head = owner.http.head(path, headers=TUS)
    assert head.headers["upload-length"] == str(len(data))
    assert head.headers["upload-metadata"] == f"filename {NAME}"
    assert head.headers["cache-control"] == "no-store"

    options = {"split": {"val": 0.25}}
    answer = become(owner, path.rpartition("/")[2], name="three greys", options=options)
    assert answer.status_code == 202, answer.text
    taken = answer.json()
    assert answer.headers["location"] == f"/v1/datasets/{taken['id']}"
    assert (taken["name"], taken["file_name"], taken["status"]) == (
        "three greys",
        "greys.npz",
        "ingesting",
    )
    owner.scan(taken["id"])
    ready = owner.get(f"/v1/datasets/{taken['id']}")
    assert ready["splits"]["val"]["num_samples"] == 9
    garbage.collect(owner.yard.database, owner.yard.blobs)
    assert not file_of(owner, path).exists()


def test_options_tells_what_is_spoken(owner: Owner) -> None:
    answer = owner.http.options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == str(owner.yard.settings.max_upload_bytes)
    extensions = set(answer.headers["tus-extension"].split(","))
    assert extensions == {
        "creation",
        "creation-with-upload",
        "termination",
        "checksum",
        "expiration",
    }
    assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")


def test_another_version_of_the_protocol_is_412(owner: Owner) -> None:
    path = begin(owner, 10)
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        for method, address in (
            ("POST", "/v1/uploads"),
            ("HEAD", path),
            ("PATCH", path),
            ("DELETE", path),
        ):
            answer = owner.http.request(method, address, headers=headers)
            assert answer.status_code == 412
            assert answer.headers["tus-version"] == "1.0.0"
            assert answer.headers["tus-resumable"] == "1.0.0"


def test_pieces_that_do_not_fit_change_nothing(owner: Owner) -> None:
    path = begin(owner, 10)
    assert append(owner, path, 0, b"01234").status_code == 204
    assert "5 bytes have come" in assert_problem(append(owner, path, 3, b"x"), 409)
    assert_problem(append(owner, path, 6, b"x"), 409)
    assert_problem(append(owner, path, 5, b"567890"), 413)
    wrong_media = {**PIECE, "Content-Type": "application/octet-stream", "Upload-Offset": "5"}
    assert_problem(owner.http.patch(path, content=b"x", headers=wrong_media), 415)
    assert_problem(owner.http.patch(path, headers=TUS | {"Upload-Offset": "5"}), 415)
    for offset in ("", "-1", "five", "1e3", "9" * 30):
        assert_problem(append(owner, path, 5, b"x", **{"Upload-Offset": offset}), 400)

    def endless() -> Any:
        for _ in range(100):
            yield b"x" * 100_000

    chunked = PIECE | {"Upload-Offset": "5"}
    assert_problem(owner.http.patch(path, content=endless(), headers=chunked), 413)
    assert offset_of(owner, path) == 5
    assert file_of(owner, path).read_bytes() == b"01234"


def test_a_piece_with_a_wrong_checksum_is_not_kept(owner: Owner) -> None:
    path = begin(owner, 10)
    for algorithm in ("sha1", "sha256"):
        digest = base64.b64encode(hashlib.new(algorithm, b"other").digest()).decode()
        told = {"Upload-Checksum": f"{algorithm} {digest}"}
        assert_problem(append(owner, path, 0, b"01234", **told), 460)
        assert offset_of(owner, path) == 0
    right = base64.b64encode(hashlib.sha1(b"01234").digest()).decode()
    answer = append(owner, path, 0, b"01234", **{"Upload-Checksum": f"sha1 {right}"})
    assert answer.headers["upload-offset"] == "5"
    for wrong in ("crc32 AAAA", "sha1 ///", "sha1"):
        refused = append(owner, path, 5, b"5", **{"Upload-Checksum": wrong})
        assert refused.status_code in (400, 460), wrong
    assert offset_of(owner, path) == 5


def test_an_upload_may_begin_with_its_creation(owner: Owner) -> None:
    told = PIECE | {"Upload-Length": "5"}
    answer = owner.http.post("/v1/uploads", content=b"01234", headers=told)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    path = answer.headers["location"]
    assert offset_of(owner, path) == 5
    assert file_of(owner, path).read_bytes() == b"01234"
    empty = begin(owner, 0)
    assert offset_of(owner, empty) == 0
    assert become(owner, empty.rpartition("/")[2]).status_code == 202


def test_creations_that_are_none_are_refused(owner: Owner) -> None:
    post = owner.http.post
    assert_problem(post("/v1/uploads", headers=TUS), 400)
    assert_problem(post("/v1/uploads", headers=TUS | {"Upload-Length": "x"}), 400)
    most = owner.yard.settings.max_upload_bytes
    assert_problem(post("/v1/uploads", headers=TUS | {"Upload-Length": str(most + 1)}), 413)
    for metadata in ("filename !!", ",", "a YQ==,a YQ==", "ä YQ==".encode()):
        headers = [*TUS.items(), ("Upload-Length", "1"), ("Upload-Metadata", metadata)]
        assert_problem(post("/v1/uploads", headers=headers), 400)
    far = {"Upload-Length": "1", "Upload-Metadata": "filename " + "A" * 8000}
    assert_problem(post("/v1/uploads", headers=TUS | far), 413)
    assert owner.get("/v1/uploads")["items"] == []


def test_a_file_name_of_an_upload_never_becomes_a_path(owner: Owner) -> None:
    name = base64.b64encode(b"../../etc/pass\x01wd@7.npz").decode()
    path = begin(owner, 4, **{"Upload-Metadata": f"filename {name}"})
    append(owner, path, 0, b"none")
    taken = become(owner, path.rpartition("/")[2]).json()
    assert (taken["file_name"], taken["name"]) == ("pass\x01wd@7.npz", "passwd-7")


def test_another_owners_upload_is_not_found(owner: Owner) -> None:
    path = begin(owner, 4)
    stranger = owner.yard.new_owner()
    assert_problem(append(stranger, path, 0, b"none"), 404)
    assert stranger.http.head(path, headers=TUS).status_code == 404
    assert_problem(stranger.http.delete(path, headers=TUS), 404)
    assert become(stranger, path.rpartition("/")[2]).status_code == 404
    assert stranger.get("/v1/uploads")["items"] == []
    nobody = owner.yard.client()
    for method, address in (("OPTIONS", "/v1/uploads"), ("POST", "/v1/uploads"), ("PATCH", path)):
        assert nobody.request(method, address, headers=TUS).status_code == 401
    assert offset_of(owner, path) == 0


def test_an_upload_that_is_given_up_is_gone_with_its_bytes(each_owner: Owner) -> None:
    owner = each_owner
    path = begin(owner, 10)
    append(owner, path, 0, b"01234")
    held = owner.get("/v1/usage")
    assert (held["uploads"], held["bytes"]["uploads"]) == (1, 5)
    (item,) = owner.get("/v1/uploads")["items"]
    assert (item["file_name"], item["offset"], item["size_bytes"]) == ("greys.npz", 5, 10)
    assert path == f"/v1/uploads/{item['id']}"
    assert owner.http.delete(path, headers=TUS).status_code == 204
    assert not file_of(owner, path).exists()
    assert owner.http.head(path, headers=TUS).status_code == 404
    assert_problem(append(owner, path, 5, b"5"), 404)
    held = owner.get("/v1/usage")
    assert (held["uploads"], held["bytes"]["uploads"]) == (0, 0)


def test_methods_may_be_told_in_a_header(owner: Owner) -> None:
    path = begin(owner, 5)
    told = PIECE | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert owner.http.post(path, content=b"01234", headers=told).status_code == 204
    assert offset_of(owner, path) == 5
    for other in ({}, {"X-HTTP-Method-Override": "PUT"}):
        assert_problem(owner.http.post(path, headers=TUS | other), 405)
    gone = owner.http.post(path, headers=TUS | {"X-HTTP-Method-Override": "DELETE"})
    assert gone.status_code == 204
    assert owner.http.head(path, headers=TUS).status_code == 404


def test_an_upload_whose_time_is_over_is_collected(each_owner: Owner) -> None:
    owner = each_owner
    path, kept = begin(owner, 10), begin(owner, 10)
    for one in (path, kept):
        append(owner, one, 0, b"01234")
    with owner.yard.database.write() as session:
        over = update(Upload).where(Upload.id == path.rpartition("/")[2])
        session.execute(over.values(expires_at=now() - timedelta(seconds=1)))
    assert_problem(append(owner, path, 5, b"5"), 404)
    assert garbage.collect(owner.yard.database, owner.yard.blobs) >= 5
    assert not file_of(owner, path).exists()
    assert owner.http.head(path, headers=TUS).status_code == 404
    assert append(owner, kept, 5, b"56789").status_code == 204


def test_what_is_not_whole_becomes_no_dataset(owner: Owner) -> None:
    path = begin(owner, 10)
    append(owner, path, 0, b"01234")
    answer = become(owner, path.rpartition("/")[2])
    assert answer.status_code == 422
    (mistake,) = answer.json()["errors"]
    assert (mistake["path"], mistake["expected"], mistake["received"]) == (
        "/upload",
        "10 bytes",
        "5 bytes so far",
    )
    assert become(owner, "up_nothing").status_code == 404
    wrong = become(owner, "up_x", name=5, options={"split": {"val": 2}}, extra=1)
    paths = [error["path"] for error in wrong.json()["errors"]]
    assert sorted(paths) == ["/extra", "/name", "/options/split/val"]
    versioned = become(owner, send(owner, b"whole"), name="greys@2")
    assert [error["path"] for error in versioned.json()["errors"]] == ["/name"]
    assert owner.get("/v1/datasets")["items"] == []


def test_the_same_upload_or_the_same_bytes_are_one_dataset(each_owner: Owner) -> None:
    owner = each_owner
    for seed in range(20):  # so that requests meet at every place
        data = npz(seed=seed)
        upload = send(owner, data)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, this=upload: become(owner, this), range(4)))
        codes = [answer.status_code for answer in answers]
        assert codes.count(202) == 1
        assert set(codes) <= {200, 202, 423}
    first = next(answer for answer in answers if answer.status_code == 202).json()
    again = become(owner, upload)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert become(owner, upload, options={"split": {"seed": 1}}).status_code == 409
    by_form = owner.upload(data)
    assert (by_form.status_code, by_form.json()["id"]) == (200, first["id"])
    other = send(owner, data)
    same_bytes = become(owner, other)
    assert (same_bytes.status_code, same_bytes.json()["id"]) == (200, first["id"])
    assert not file_of(owner, other).exists()
    assert file_of(owner, upload).read_bytes() == data, "the ingest reads it"
    owner.scan(first["id"])
    assert owner.get(f"/v1/datasets/{first['id']}")["status"] == "ready"
    assert owner.get("/v1/uploads")["items"] == []


def test_an_idempotency_key_holds_for_finished_uploads(owner: Owner) -> None:
    key = {"Idempotency-Key": "from upload"}
    one, two = send(owner, npz(seed=4)), send(owner, npz(seed=5))
    first = owner.http.post("/v1/datasets", json={"upload": one}, headers=key)
    again = owner.http.post("/v1/datasets", json={"upload": one}, headers=key)
    other = owner.http.post("/v1/datasets", json={"upload": two}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["id"] == again.json()["id"]


def test_only_one_request_writes_at_a_time(owner: Owner) -> None:
    size, half = 4_000_000, 2_000_000
    path = begin(owner, size)
    address = urlparse(owner.yard.url)
    assert address.hostname
    with socket.create_connection((address.hostname, address.port or 80)) as slow:
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {owner.key}\r\n"
            f"Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: {size}\r\n"
            "Content-Type: application/offset+octet-stream\r\n\r\n"
        )
        slow.sendall(head.encode() + b"x" * half)
        came = wait_for(lambda: offset_of(owner, path), 20, "the first bytes")
        assert_problem(append(owner, path, came, b"y"), 423)
        assert become(owner, path.rpartition("/")[2]).status_code == 423
    # The connection broke: what came is kept, and the lock is free.
    wait_for(lambda: offset_of(owner, path) == half, 20, "the bytes")
    rest = b"y" * (size - half)
    wait_for(lambda: append(owner, path, half, rest).status_code == 204, 20, "the lock")
    assert file_of(owner, path).read_bytes() == b"x" * half + rest


def test_uploads_at_once_and_their_size_are_bounded(tmp_path: Path, broker: Broker) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    limits = {"max_open_uploads": "2", "max_upload_bytes": "1000"}
    with running_yard(tmp_path, url, broker.url, **limits) as yard:
        owner = yard.new_owner()
        first, _ = begin(owner, 1000), begin(owner, 1)
        refused = owner.http.post("/v1/uploads", headers=TUS | {"Upload-Length": "1"})
        assert "TRAINYARD_MAX_OPEN_UPLOADS" in assert_problem(refused, 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert begin(yard.new_owner(), 1)
        owner.http.delete(first, headers=TUS)
        assert begin(owner, 1)


@pytest.mark.parametrize("of", ["", "/samples", "/download"])
def test_a_dataset_of_an_upload_is_its_owners(owner: Owner, of: str) -> None:
    dataset = become(owner, send(owner, npz(seed=6))).json()["id"]
    stranger = owner.yard.new_owner()
    assert stranger.http.get(f"/v1/datasets/{dataset}{of}").status_code == 404


def test_an_upload_goes_to_a_store_elsewhere_and_leaves_nothing_here(
    tmp_path: Path, broker: Broker
) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    with running_yard(tmp_path, url, broker.url, store_url="memory:///") as yard:
        owner, data = yard.new_owner(), npz(seed=8)
        path = begin(owner, len(data))
        append(owner, path, 0, data[:100])
        here = tmp_path / "incoming" / path.rpartition("/")[2]
        assert here.read_bytes() == data[:100]
        append(owner, path, 100, data[100:])
        upload = path.rpartition("/")[2]
        taken = become(owner, upload)
        assert taken.status_code == 202
        assert not here.exists()
        assert become(owner, upload).json()["id"] == taken.json()["id"]
        again = become(owner, send(owner, data))
        assert (again.status_code, again.json()["id"]) == (200, taken.json()["id"])
        assert list((tmp_path / "incoming").iterdir()) == []
