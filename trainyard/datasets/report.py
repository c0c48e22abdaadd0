"""The report of a scan while it is made: every finding, up to a cap, and the error that ends it.

``error`` and ``warning`` note one thing; equal kinds are gathered into one finding. ``finding``
notes a kind at once, with examples. The contract's ``problems`` lists them one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NoReturn

from trainyard.datasets.advice import KNOWN, UNKNOWN
from trainyard.datasets.facts import (
    DatasetReport,
    Example,
    Finding,
    PictureSize,
    PictureSummary,
    Severity,
)
from trainyard.datasets.gathered import MAX_EXAMPLES, Gathered, printable, slug
from trainyard.datasets.manifest import Problem
from trainyard.errors import InvalidInput, Mistake

MAX_SIZES = 50  # sizes of pictures that are named


class RejectedDataset(InvalidInput):
    """The upload cannot be used; ``problems`` and ``report`` hold at least one ``error``."""

    title = "Dataset rejected"

    def __init__(self, problems: list[Problem], report: DatasetReport | None = None) -> None:
        errors = [p for p in problems if p.severity == "error"]
        assert errors, "a dataset is rejected for at least one error"
        where = f"{errors[0].file}: " if errors[0].file else ""
        super().__init__(
            where + errors[0].message,
            [Mistake("/file", f"{p.file}: {p.message}" if p.file else p.message) for p in errors],
        )
        self.problems = problems
        self.report = report or report_of(problems)


class Report:
    """Collects what is found; at most ``max_problems`` of each severity are listed one by one.

    ``figures`` is what is known beside the findings; whoever finds out more replaces it.
    """

    def __init__(self, max_problems: int = 1000) -> None:
        self.max_problems = max_problems
        self.figures = DatasetReport()
        self._listed: dict[str, list[Problem]] = {"error": [], "warning": []}
        self._dropped = {"error": 0, "warning": 0}
        self._gathered = Gathered()
        self._pictures: PictureSummary | None = None

    def error(self, message: str, file: str | None = None, *, code: str | None = None) -> None:
        """Note a mistake that makes the dataset unusable; the scan may go on to find more.

        Without ``code`` the message makes one, by which equal kinds are gathered.
        """
        self._note("error", message, file, code)

    def warning(self, message: str, file: str | None = None, *, code: str | None = None) -> None:
        """Note what the user should know, though the dataset can be used."""
        self._note("warning", message, file, code)

    def finding(
        self,
        code: str,
        severity: Severity,
        message: str,
        count: int = 1,
        examples: Sequence[Example] = (),
        advice: str | None = None,
    ) -> None:
        """Note a kind of thing at once: ``count`` of them, of which a few are ``examples``.

        An ``info`` stands in the report alone; others in the list of problems too, with a line
        for each example that has a ``note``; a warning of a code that is but a note (see
        ``advice``) is an ``info`` of the report. ``advice`` is what to do, where the code alone
        does not say.
        """
        shown = list(examples[:MAX_EXAMPLES])
        if severity != "info":
            self._list(severity, message, None)
            for example in shown:
                if example.note:
                    self._list(severity, example.note, example.name)
        known = KNOWN.get(code, UNKNOWN)
        self._gathered.add(
            Finding(
                severity="info" if known.is_note and severity == "warning" else severity,
                code=code,
                message=printable(message),
                count=count,
                examples=[_printable_example(example) for example in shown],
                advice=known.advice if advice is None else advice,
            )
        )

    def tell_pictures(self, sizes: Counter[tuple[int, int]], modes: Counter[str]) -> None:
        """Note the pictures' sizes (H, W) and kinds, as they came."""
        self._pictures = picture_summary(sizes, modes)

    def reject(self, message: str, file: str | None = None, *, code: str | None = None) -> NoReturn:
        """Note an error after which nothing more can be found, and end the scan."""
        self.error(message, file, code=code)
        raise self._rejection()

    def raise_if_rejected(self) -> None:
        """End the scan if an error was noted so far."""
        if self._listed["error"]:
            raise self._rejection()

    def problems(self) -> list[Problem]:
        """Errors first, then warnings; each list ends with "and N more" where it was cut."""
        return self._cut("error") + self._cut("warning")

    def result(self) -> DatasetReport:
        """The report as it is kept."""
        findings = self._gathered.findings()
        return self.figures.model_copy(
            update={
                "findings": findings,
                "num_unreadable": sum(f.count for f in findings if f.code == "left-out"),
                "pictures": self._pictures or self.figures.pictures,
            }
        )

    def _rejection(self) -> RejectedDataset:
        return RejectedDataset(self.problems(), self.result())

    def _note(
        self,
        severity: Literal["error", "warning"],
        message: str,
        file: str | None,
        code: str | None,
    ) -> None:
        self._list(severity, message, file)
        self._gathered.gather(severity, code or slug(message), message, file)

    def _list(self, severity: Literal["error", "warning"], message: str, file: str | None) -> None:
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


def report_of(problems: Sequence[Problem]) -> DatasetReport:
    """The report of a dataset of which nothing is known but its problems."""
    gathered = Gathered()
    for problem in problems:
        gathered.gather(problem.severity, slug(problem.message), problem.message, problem.file)
    return DatasetReport(findings=gathered.findings())


def picture_summary(sizes: Counter[tuple[int, int]], modes: Counter[str]) -> PictureSummary:
    """Sizes (H, W) and kinds of pictures with how many there are of each."""
    named = [
        PictureSize(height=height, width=width, count=count)
        for (height, width), count in sizes.most_common(MAX_SIZES)
    ]
    kinds = {kind: count for kind, count in modes.items() if count}
    return PictureSummary(num_sizes=len(sizes), sizes=named, modes=kinds)


def _printable_example(example: Example) -> Example:
    texts = {key: printable(v) for key in ("name", "note", "label") if (v := getattr(example, key))}
    twin = example.twin
    if twin is not None:
        texts["twin"] = twin.model_copy(update={"name": printable(twin.name)})  # type: ignore[assignment]
    return example.model_copy(update=texts)
