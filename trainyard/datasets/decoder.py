"""Pictures decoded in a process of their own, with limits of memory and of time for each.

A hostile picture can keep a decoder busy for ever, fill the memory, or make it crash; here that
ends one process and costs one picture, which the report then names, and the next picture gets a
new process. That process is forked, not spawned, so that it costs a millisecond and not the import
of everything; it closes all files but its pipe, touches no lock of the parent's threads, and leaves
by ``os._exit`` or a signal. The kernel ends it when the time is up: nobody has to watch.
Answers are JSON and raw pixels, never pickles, so a decoder that was taken over has no way back.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import warnings
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from trainyard.datasets.deep_pictures import Bits
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import Resize
from trainyard.datasets.masks import Values, read_mask
from trainyard.datasets.pictures import (
    PictureFacts,
    UnreadablePicture,
    inspect_picture,
    read_picture,
)

WALL_FACTOR = 10  # of the processor time: for decoders that wait, and machines that are busy
MAX_ENDED = 10  # decoders of one upload, after which no more pictures are tried
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class PictureDecoder:
    """Decodes one picture after another; starts its process at the first.

    Every method raises ``UnreadablePicture``: as those of ``pictures``, or the picture took too
    long, too much memory, or ended the decoder.
    """

    def __init__(self, limits: IngestLimits) -> None:
        self._limits = limits
        self._pipe: Connection[Any, Any] | None = None
        self._pid = 0
        self._num_ended = 0

    def inspect(self, data: bytes) -> PictureFacts:
        """What ``inspect_picture`` says."""
        answer, _ = self._ask({"do": "inspect"}, data)
        return PictureFacts(**answer | {"size": (answer["size"][0], answer["size"][1])})

    def read(
        self,
        data: bytes,
        *,
        channels: int,
        bits: Bits,
        size: tuple[int, int] | None = None,
        resize: Resize = "stretch",
    ) -> npt.NDArray[Any]:
        """What ``read_picture`` makes of it."""
        form = {"channels": channels, "bits": bits, "size": size, "resize": resize}
        return self._pixels({"do": "read", "form": form}, data)

    def read_mask(self, data: bytes) -> Values:
        """What ``read_mask`` makes of it."""
        return self._pixels({"do": "mask"}, data)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def _pixels(self, request: dict[str, Any], data: bytes) -> npt.NDArray[Any]:
        answer, pixels = self._ask(request, data)
        return np.frombuffer(pixels, np.dtype(answer["dtype"])).reshape(answer["shape"])

    def _ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        if self._num_ended >= MAX_ENDED:
            raise UnreadablePicture(f"not tried, as {MAX_ENDED} pictures ended the decoder before")
        pipe = self._pipe or self._start()
        try:
            pipe.send_bytes(json.dumps(request).encode())
            pipe.send_bytes(data)
            answer = json.loads(pipe.recv_bytes())
            pixels = pipe.recv_bytes() if "shape" in answer else b""
        except (EOFError, OSError):
            raise UnreadablePicture(self._why_it_ended()) from None
        if "unreadable" in answer:
            raise UnreadablePicture(str(answer["unreadable"]))
        return answer, pixels

    def _start(self) -> Connection[Any, Any]:
        ours, theirs = Pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: see above
            pid = os.fork()
        if pid == 0:
            _serve(theirs, self._limits)
        theirs.close()
        self._pipe, self._pid = ours, pid
        return ours

    def _why_it_ended(self) -> str:
        assert self._pipe is not None
        self._pipe.close()
        self._pipe = None
        self._num_ended += 1
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if -code in (signal.SIGPROF, signal.SIGALRM):
            return f"takes more than {self._limits.max_picture_seconds:g} s to decode"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"ended the decoder ({how})"


def _serve(pipe: Connection[Any, Any], limits: IngestLimits) -> NoReturn:
    """The decoder's process: answers until the other end is closed."""
    try:
        gc.freeze()  # nothing of the parent's is to be finalised here
        own = pipe.fileno()
        os.closerange(3, own)
        os.closerange(own + 1, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        _limit_memory(limits.max_decoder_bytes)
        while True:
            request, data = json.loads(pipe.recv_bytes()), pipe.recv_bytes()
            _set_clocks(limits.max_picture_seconds)
            answer, pixels = _answer(request, data, limits)
            _set_clocks(0)
            pipe.send_bytes(json.dumps(answer).encode())
            if pixels is not None:
                pipe.send_bytes(np.ascontiguousarray(pixels).data.cast("B"))
    except BaseException:  # noqa: BLE001  # never back into the parent's code
        os._exit(1)


def _answer(
    request: dict[str, Any], data: bytes, limits: IngestLimits
) -> tuple[dict[str, Any], npt.NDArray[Any] | None]:
    try:
        match request["do"]:
            case "inspect":
                return asdict(inspect_picture(data, limits)), None
            case "read":
                form = request["form"]
                form["size"] = form["size"] and tuple(form["size"])
                pixels = read_picture(data, limits, **form)
            case _:
                pixels = read_mask(data, limits)
    except UnreadablePicture as e:
        return {"unreadable": e.detail}, None
    return {"shape": pixels.shape, "dtype": pixels.dtype.str}, pixels


def _set_clocks(seconds: float) -> None:
    """Whichever runs out ends the process; 0 stops them. Processor time decides as a rule."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WALL_FACTOR)


def _limit_memory(more_bytes: int) -> None:
    """So much more of private memory than the process has; Linux says how much that is."""
    statm = Path("/proc/self/statm")
    has = int(statm.read_text().split()[5]) * PAGE_BYTES if statm.exists() else 0
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = has + more_bytes
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
