"""Messages between a worker and its trainer, over a real connection."""

from __future__ import annotations

import os
from multiprocessing import Pipe
from multiprocessing.connection import wait

import pytest

from worker.messages import Message, MessageReader, Sender, receive, send

TOLD = [
    Message("metrics", {"step": 3, "values": {"loss": float("inf")}}),
    Message("checkpoint", {"step": 3}, (bytes(range(256)) * 40, b"", b"state")),
    Message("alive"),
    Message("outcome", {"files": ["onnx"]}, (b"x",)),
]


def as_bytes(messages: list[Message]) -> bytes:
    """What is sent, as it goes through the pipe."""
    ours, theirs = Pipe()
    for message in messages:
        send(theirs, message)
    theirs.close()
    data = b""
    while piece := os.read(ours.fileno(), 1024**2):
        data += piece
    ours.close()
    return data


def test_text_that_is_no_utf8_ends_no_conversation() -> None:
    """Names of files come with lone surrogates where their bytes are no UTF-8."""
    ours, theirs = Pipe()
    sender = Sender(theirs)
    sender.start()
    sender.put(Message("log", {"message": "unreadable: caf\udce9.png"}))
    sender.put(Message("outcome"))
    assert receive(ours).data == {"message": "unreadable: caf?.png"}
    assert receive(ours).type == "outcome"
    sender.finish()


@pytest.mark.parametrize("piece", [1, 7, 1000, 1024**2])
def test_messages_come_whole_in_whatever_pieces_they_arrive(piece: int) -> None:
    ours, theirs = Pipe()
    reader = MessageReader(ours)
    data, found = as_bytes(TOLD), []
    for begin in range(0, len(data), piece):
        os.write(theirs.fileno(), data[begin : begin + piece])
        found += reader.read() or []
    assert [(m.type, m.blobs) for m in found] == [(m.type, m.blobs) for m in TOLD]
    assert found[1].data == {"step": 3}
    theirs.close()
    assert reader.read() is None


@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 0.99])
def test_half_a_message_holds_up_nobody_and_the_other_half_completes_it(share: float) -> None:
    ours, theirs = Pipe()
    reader = MessageReader(ours)
    data = as_bytes(TOLD[1:2])
    cut = int(len(data) * share)
    os.write(theirs.fileno(), data[:cut])
    while wait([reader], 0):
        assert reader.read() == []
    os.write(theirs.fileno(), data[cut:])
    assert reader.read() == TOLD[1:2]


def test_half_a_message_of_a_child_that_is_gone_is_no_message() -> None:
    ours, theirs = Pipe()
    reader = MessageReader(ours)
    os.write(theirs.fileno(), as_bytes(TOLD[1:2])[:-1])
    theirs.close()
    assert reader.read() == []
    assert reader.read() is None


def test_whoever_waits_for_one_message_leaves_the_next_one_there() -> None:
    ours, theirs = Pipe()
    os.write(theirs.fileno(), as_bytes(TOLD[1:]))
    theirs.close()
    assert [receive(ours).type for _ in TOLD[1:]] == ["checkpoint", "alive", "outcome"]
    with pytest.raises(EOFError):
        receive(ours)


def test_who_takes_nothing_holds_up_no_sender_without_a_bound_and_its_end_ends_it() -> None:
    ours, theirs = Pipe()
    sender = Sender.without_bound(ours)
    sender.start()
    for _ in range(3):
        sender.put(Message("start", blobs=(bytes(64 * 1024**2),)))
    assert wait([theirs], 10), "the beginning of the first"
    theirs.close()
    sender.finish()
