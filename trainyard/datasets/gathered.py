"""Findings of a scan, gathered by kind, so that a million broken files are one finding."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainyard.datasets.advice import KNOWN, UNKNOWN
from trainyard.datasets.facts import Example, Finding, Severity

MAX_TEXT = 500  # characters of one file name or message
MAX_EXAMPLES = 20  # of one finding
MAX_FINDINGS = 200  # kinds of findings, so that a hostile upload makes no endless report
SLUG_WORDS = 5
NUM_NAMED = 5
ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


class Gathered:
    """Findings by severity and code; those noted one by one are counted together."""

    def __init__(self) -> None:
        self._whole: list[Finding] = []
        self._counted: dict[tuple[str, str], Finding] = {}

    def add(self, finding: Finding) -> None:
        if len(self._whole) < MAX_FINDINGS:
            self._whole.append(finding)

    def gather(self, severity: Severity, code: str, message: str, file: str | None) -> None:
        known = KNOWN.get(code, UNKNOWN)
        shown: Severity = "info" if known.is_note and severity == "warning" else severity
        # What says where it is can be told as many of one kind; a sentence by itself cannot.
        key = (shown, code if file is not None else f"{code} {message}")
        found = self._counted.get(key)
        if found is None:
            if sum(known_severity == shown for known_severity, _ in self._counted) >= MAX_FINDINGS:
                return
            found = Finding(
                severity=shown, code=code, message=printable(message), advice=known.advice, count=0
            )
            self._counted[key] = found
        found.count += 1
        if file is not None and len(found.examples) < MAX_EXAMPLES:
            note = printable(message)
            found.examples.append(Example(name=printable(file), note=note))

    def findings(self) -> list[Finding]:
        """Errors first, each kind with a message about all of it."""
        told = [_told(finding) for finding in self._counted.values()]
        return sorted(told + self._whole, key=lambda finding: ORDER[finding.severity])


def _told(finding: Finding) -> Finding:
    if finding.count < 2 or not finding.examples:
        return finding
    title = KNOWN.get(finding.code, UNKNOWN).title
    message = f"{finding.count:,} {title or 'times: ' + finding.message.partition(':')[0]}"
    return finding.model_copy(update={"message": message})


def slug(message: str) -> str:
    """A code made of a message's first words, without what differs from case to case.

    >>> slug("left out: holds NaN or infinity")
    'left-out'
    """
    head = re.sub(r"\"[^\"]*\"|'[^']*'", " ", message).partition(":")[0].lower()
    words = re.findall(r"[a-z]{2,}", head)
    return "-".join(words[:SLUG_WORDS]) or "other"


def a_few(names: Sequence[str]) -> str:
    """The first five names, and a sign that there are more."""
    return ", ".join(names[:NUM_NAMED]) + (", …" if len(names) > NUM_NAMED else "")


def printable(text: str) -> str:
    """The text without characters that a log, a page or a database would choke on."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:MAX_TEXT])
    return shown + "…" if len(text) > MAX_TEXT else shown
