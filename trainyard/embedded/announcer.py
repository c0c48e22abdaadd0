"""A supervisord event listener that says on standard error when a part crashed and came back.

Standard output belongs to supervisord's protocol.
"""

from __future__ import annotations

import sys

from supervisor.childutils import get_headers, listener

QUIET = {"welcome"}  # ends by itself when it has said what it had to say


def announce(event: str, process: str, expected: bool, crashed: set[str]) -> str | None:
    """The line for one change of state, if the user should read one.

    ``crashed`` remembers which parts are down, and is kept up to date.
    """
    if process in QUIET:
        return None
    if event == "PROCESS_STATE_EXITED" and not expected:
        crashed.add(process)
        return f"{process} stopped unexpectedly (see its log in the home); starting it again"
    if event == "PROCESS_STATE_FATAL":
        return f"{process} does not start: gave up after several tries (see its log in the home)"
    if event == "PROCESS_STATE_RUNNING" and process in crashed:
        crashed.discard(process)
        return f"{process} is running again"
    return None


def main() -> None:
    """Reads events until supervisord closes the pipe."""
    crashed: set[str] = set()
    while True:
        listener.ready()
        line = sys.stdin.readline()
        if not line:
            return
        headers = get_headers(line)
        payload = get_headers(sys.stdin.read(int(headers["len"])))
        expected = payload.get("expected", "1") == "1"
        if text := announce(headers["eventname"], payload["processname"], expected, crashed):
            sys.stderr.write(f"trainyard: {text}\n")
            sys.stderr.flush()
        listener.ok()


if __name__ == "__main__":
    main()
