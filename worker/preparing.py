"""What a trainer begins with: the spec, where the dataset lies, and what to go on from."""

from __future__ import annotations

from collections.abc import Callable

from trainyard.errors import NotFound
from trainyard.status import ReasonCode
from trainyard.store.checkpoints import CorruptCheckpoint, Part, read_chunks
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


class DamagedCheckpoint(Exception):
    """What the attempt was to go on from is not what was written, or not there any more."""

    def __init__(self, checkpoint: Checkpoint, cause: Exception) -> None:
        super().__init__(f"the checkpoint of step {checkpoint.step}: {cause}")
        self.id, self.step = checkpoint.id, checkpoint.step

    @property
    def reason(self) -> Reason:
        return reason(
            ReasonCode.INTERNAL,
            f"The checkpoint of step {self.step} could not be gone on from, as its stored bytes "
            "are missing or damaged. It was deleted, and the job goes on from the one before.",
            f"{self.__cause__}"[:500],
        )


def start_message(
    context: WorkerContext, claim: ClaimedJob, leased_at: float, go_on: Callable[[], None]
) -> Message:
    """The trainer's first message; see ``worker.trainer``.

    ``leased_at`` is when the attempt began, by the monotonic clock, which all processes share.
    ``go_on`` is called again and again while large files are read, and may raise.

    Raises:
        MissingWeights: they were deleted after the job was made.
        DamagedCheckpoint: another one may do.
    """
    folder = context.blobs.local_folder(claim.dataset_key, context.cache_folder, go_on)
    data = {
        "spec": claim.spec,
        "folder": str(folder),
        "device": context.settings.device,
        "began": leased_at - claim.used_seconds,
        "halvings": claim.num_memory_kills,
    }
    init_from = claim.spec["training"].get("init_from")
    if claim.checkpoint_id is None and init_from is not None:
        return Message("start", data, (_initial(context, claim, init_from, go_on),))
    if claim.checkpoint_id is None:
        return Message("start", data)
    with context.database.read() as session:
        checkpoint = session.get_one(Checkpoint, claim.checkpoint_id)
    return Message("start", data, _parts_of(context, checkpoint, go_on))


def _parts_of(
    context: WorkerContext, checkpoint: Checkpoint, go_on: Callable[[], None]
) -> tuple[bytes, ...]:
    try:
        # Another transaction, which is none where the pieces come out of the store.
        with context.database.read() as session:
            return tuple(
                b"".join(read_chunks(session, checkpoint, part, context.blobs, go_on))
                for part in _PARTS
            )
    except (CorruptCheckpoint, NotFound) as error:
        raise DamagedCheckpoint(checkpoint, error) from error


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
