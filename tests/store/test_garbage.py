"""What is marked for deletion is deleted, whatever happens at the same moment."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from trainyard.store import garbage
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database

PREFIX = "jobs/j/checkpoints/c"


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path / 'store'}")


def test_what_is_written_and_marked_while_its_prefix_is_deleted_goes_the_next_time(
    database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        garbage.discard(session, PREFIX)
    delete_prefix = blobs.delete_prefix

    def delete_while_somebody_writes(prefix: str) -> int:
        freed = delete_prefix(prefix)
        blobs.put_bytes(f"{PREFIX}/weights", b"late")
        with database.write() as session:
            garbage.discard(session, PREFIX)
        return freed

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "delete_prefix", delete_while_somebody_writes)
        assert garbage.collect(database, blobs) == 0
    assert blobs.keys("jobs") == [f"{PREFIX}/weights"]
    assert garbage.collect(database, blobs) == len(b"late")
    assert blobs.keys("jobs") == []
    assert garbage.collect(database, blobs) == 0


def test_two_may_mark_the_same_at_once(database: Database) -> None:
    failed: list[SQLAlchemyError] = []

    def mark() -> None:
        try:
            with database.write() as session:
                garbage.discard(session, PREFIX)
        except SQLAlchemyError as error:
            failed.append(error)

    second = threading.Thread(target=mark)
    with database.write() as session:
        garbage.discard(session, PREFIX)
        session.flush()
        second.start()
        second.join(timeout=0.5)  # it has to wait for this transaction's end
        assert second.is_alive()
    second.join(timeout=20)
    assert not second.is_alive()
    assert failed == []
