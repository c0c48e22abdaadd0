"""Messages between a worker and its trainer, over a real connection."""

from __future__ import annotations

from multiprocessing import Pipe

from worker.messages import Message, Sender, receive


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
