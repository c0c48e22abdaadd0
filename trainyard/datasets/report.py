"""The report of a scan: every finding, up to a cap, and the error that ends it."""

from __future__ import annotations

from typing import Literal, NoReturn

from trainyard.datasets.manifest import Problem
from trainyard.errors import InvalidInput, Mistake

MAX_TEXT = 500  # characters of one file name or message


class RejectedDataset(InvalidInput):
    """The upload cannot be used; ``problems`` holds at least one ``error``."""

    title = "Dataset rejected"

    def __init__(self, problems: list[Problem]) -> None:
        errors = [p for p in problems if p.severity == "error"]
        assert errors, "a dataset is rejected for at least one error"
        where = f"{errors[0].file}: " if errors[0].file else ""
        super().__init__(
            where + errors[0].message,
            [Mistake("/file", f"{p.file}: {p.message}" if p.file else p.message) for p in errors],
        )
        self.problems = problems


class Report:
    """Collects problems; at most ``max_problems`` of each severity are listed."""

    def __init__(self, max_problems: int = 1000) -> None:
        self.max_problems = max_problems
        self._listed: dict[str, list[Problem]] = {"error": [], "warning": []}
        self._dropped = {"error": 0, "warning": 0}

    def error(self, message: str, file: str | None = None) -> None:
        """Note a mistake that makes the dataset unusable; the scan may go on to find more."""
        self._add("error", message, file)

    def warning(self, message: str, file: str | None = None) -> None:
        """Note what the user should know, though the dataset can be used."""
        self._add("warning", message, file)

    def reject(self, message: str, file: str | None = None) -> NoReturn:
        """Note an error after which nothing more can be found, and end the scan."""
        self.error(message, file)
        raise RejectedDataset(self.problems())

    def raise_if_rejected(self) -> None:
        """End the scan if an error was noted so far."""
        if self._listed["error"]:
            raise RejectedDataset(self.problems())

    def problems(self) -> list[Problem]:
        """Errors first, then warnings; each list ends with "and N more" where it was cut."""
        return self._cut("error") + self._cut("warning")

    def _add(self, severity: Literal["error", "warning"], message: str, file: str | None) -> None:
        if len(self._listed[severity]) >= self.max_problems:
            self._dropped[severity] += 1
            return
        file = printable(file) if file is not None else None
        problem = Problem(severity=severity, file=file, message=printable(message))
        self._listed[severity].append(problem)

    def _cut(self, severity: Literal["error", "warning"]) -> list[Problem]:
        dropped = self._dropped[severity]
        more = [Problem(severity=severity, message=f"and {dropped:,} more")] if dropped else []
        return self._listed[severity] + more


def printable(text: str) -> str:
    """The text without characters that a log, a page or a database would choke on."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:MAX_TEXT])
    return shown + "…" if len(text) > MAX_TEXT else shown
