"""What a trainer begins with: the spec, where the dataset lies, and what to go on from."""

from __future__ import annotations

from sqlalchemy.orm import Session

from trainyard.errors import NotFound
from trainyard.status import ReasonCode
from trainyard.store.checkpoints import read_part
from trainyard.store.claims import ClaimedJob
from trainyard.store.states import Reason, reason
from trainyard.store.tables import Checkpoint
from trainyard.store.weights import initial_pieces
from worker.context import WorkerContext
from worker.messages import Message


class MissingWeights(Exception):
    """What ``init_from`` names is not there any more."""

    @property
    def reason(self) -> Reason:
        hint = "What init_from names was deleted: queue the job again without it."
        return reason(ReasonCode.BAD_DATA, str(self), hint)


def start_message(context: WorkerContext, claim: ClaimedJob) -> Message:
    """The trainer's first message; see ``worker.trainer``.

    Raises:
        MissingWeights: they were deleted after the job was made.
    """
    folder = context.blobs.local_folder(claim.dataset_key, context.cache_folder)
    data = {
        "spec": claim.spec,
        "folder": str(folder),
        "device": context.settings.device,
        "used_seconds": claim.used_seconds,
    }
    with context.database.read() as session:
        init_from = claim.spec["training"].get("init_from")
        if claim.checkpoint_id is None and init_from is not None:
            return Message("start", data, (_initial(context, claim, session, init_from),))
        if claim.checkpoint_id is None:
            return Message("start", data)
        checkpoint = session.get_one(Checkpoint, claim.checkpoint_id)
        weights = read_part(session, checkpoint, "weights", context.blobs)
        state = read_part(session, checkpoint, "state", context.blobs)
    return Message("start", data, (weights, state))


def _initial(context: WorkerContext, claim: ClaimedJob, session: Session, init_from: str) -> bytes:
    pieces = initial_pieces(session, claim.owner_id, init_from, context.blobs)
    try:
        return b"".join(pieces)
    except NotFound as error:
        raise MissingWeights(error.detail) from error


def unprepared(error: Exception) -> Reason:
    """The reason of an attempt that could not begin."""
    return reason(
        ReasonCode.INTERNAL,
        f"The dataset or the checkpoint could not be read: {type(error).__name__}.",
        str(error)[:500],
    )
