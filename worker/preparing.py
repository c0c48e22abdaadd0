"""What a trainer begins with: the spec, where the dataset lies, and what to go on from."""

from __future__ import annotations

from collections.abc import Callable

from trainyard.errors import NotFound
from trainyard.status import ReasonCode
from trainyard.store.checkpoints import Part, read_chunks
from trainyard.store.claims import ClaimedJob
from trainyard.store.states import Reason, reason
from trainyard.store.tables import Checkpoint
from trainyard.store.weights import find_initial, initial_pieces
from worker.context import WorkerContext
from worker.messages import Message

_PARTS: tuple[Part, Part] = ("weights", "state")


class MissingWeights(Exception):
    """What ``init_from`` names is not there any more."""

    @property
    def reason(self) -> Reason:
        hint = "What init_from names was deleted: queue the job again without it."
        return reason(ReasonCode.BAD_DATA, str(self), hint)


def start_message(context: WorkerContext, claim: ClaimedJob, go_on: Callable[[], None]) -> Message:
    """The trainer's first message; see ``worker.trainer``.

    ``go_on`` is called again and again while large files are read, and may raise.

    Raises:
        MissingWeights: they were deleted after the job was made.
    """
    folder = context.blobs.local_folder(claim.dataset_key, context.cache_folder, go_on)
    data = {
        "spec": claim.spec,
        "folder": str(folder),
        "device": context.settings.device,
        "used_seconds": claim.used_seconds,
        "halvings": claim.num_memory_kills,
    }
    init_from = claim.spec["training"].get("init_from")
    if claim.checkpoint_id is None and init_from is not None:
        return Message("start", data, (_initial(context, claim, init_from, go_on),))
    if claim.checkpoint_id is None:
        return Message("start", data)
    with context.database.read() as session:
        checkpoint = session.get_one(Checkpoint, claim.checkpoint_id)
    # Another transaction, which is none where the pieces come out of the store.
    with context.database.read() as session:
        parts = [
            b"".join(read_chunks(session, checkpoint, part, context.blobs, go_on))
            for part in _PARTS
        ]
    return Message("start", data, tuple(parts))


def _initial(
    context: WorkerContext,
    claim: ClaimedJob,
    init_from: str,
    go_on: Callable[[], None],
) -> bytes:
    try:
        with context.database.read() as session:
            found = find_initial(session, claim.owner_id, init_from)
        with context.database.read() as session:
            return b"".join(initial_pieces(session, found, context.blobs, go_on))
    except NotFound as error:
        raise MissingWeights(error.detail) from error


def unprepared(error: Exception) -> Reason:
    """The reason of an attempt that could not begin."""
    return reason(
        ReasonCode.INTERNAL,
        f"The dataset or the checkpoint could not be read: {type(error).__name__}.",
        str(error)[:500],
    )


def not_started(error: Exception) -> Reason:
    """The reason of an attempt that got no process."""
    return reason(
        ReasonCode.INTERNAL,
        f"The training process could not be started: {str(error)[:300]}.",
        "See the log of the worker.",
    )
