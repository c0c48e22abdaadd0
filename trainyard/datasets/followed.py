"""Options that a format does not follow: none is passed over in silence.

Those that would change what samples and targets mean reject the upload; the report tells of others.
A format says in ``follows`` which options it heeds; ``ignore`` and ``split``, but for its column,
are every format's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainyard.datasets.format import Contents, Format, Upload
from trainyard.datasets.manifest import DatasetOptions

TABLES = (
    "task", "target", "features", "time", "group", "window", "horizon", "predict", "split.column",
)  # fmt: skip
MEANING = (*TABLES, "layout")
HARMLESS = ("picture_size", "volume_size", "resize", "grey_window", "audio")


def check_options(chosen: Format, upload: Upload) -> None:
    """Hold the options that were given against those that the format follows.

    ``task`` is held against what the format makes, see ``check_made``.
    """
    options, report = upload.options, upload.report
    follows = _followed_by(chosen, upload)
    if follows is None:
        return
    lost = [n for n in MEANING if n not in follows and n != "task" and _is_given(options, n)]
    if lost:
        report.error(
            f"options.{', options.'.join(lost)}: of no meaning for the format {chosen.name}, which "
            f"follows {_listed(follows)}{_hint(follows)}",
            code="option-not-followed",
        )
    for name in HARMLESS:
        if name not in follows and _is_given(options, name):
            report.warning(
                f"options.{name} was not followed: the format {chosen.name} has no use for it",
                code="option-not-followed",
            )


def check_made(contents: Contents, chosen: Format, upload: Upload) -> None:
    """Hold the options against what was made of the upload.

    Raises:
        RejectedDataset: with these mistakes, and those noted before.
    """
    options, report = upload.options, upload.report
    follows = _followed_by(chosen, upload)
    if follows is not None:
        if options.task not in (None, contents.task) and "task" not in follows:
            report.error(
                f"options.task: this upload of the format {chosen.name} is for {contents.task}, "
                f"not {options.task}{_hint(follows)}",
                code="option-not-followed",
            )
        for name in _unused(contents):
            if name in follows and _is_given(options, name):
                report.error(
                    f"options.{name} was not followed: {_why(contents)}",
                    code="option-not-followed",
                )
    report.raise_if_rejected()


def _followed_by(chosen: Format, upload: Upload) -> frozenset[str] | None:
    """None of a format that does not say; ``follows`` may depend on what the upload holds."""
    follows: frozenset[str] | Callable[[Upload], frozenset[str]] | None
    follows = getattr(chosen, "follows", None)
    return follows(upload) if callable(follows) else follows


def _unused(contents: Contents) -> list[str]:
    """Options that had no part in these contents."""
    found = []
    if contents.series is None:
        found += ["window", "horizon", "predict"]
        if all(part.times is None for part in contents.parts):
            found.append("time")
    if not contents.features:
        found.append("features")
    return found


def _why(contents: Contents) -> str:
    if contents.pictures is not None:
        return "the samples are pictures"
    return f"the samples are rows, for {contents.task}, and no windows of a series"


def _is_given(options: DatasetOptions, name: str) -> bool:
    if name == "split.column":
        return options.split.column is not None
    given: Any = getattr(options, name)
    return bool(given != DatasetOptions.model_fields[name].default)


def _listed(follows: frozenset[str]) -> str:
    known = [f"`{name}`" for name in (*MEANING, *HARMLESS) if name in follows]
    return ", ".join([*known, "`split`", "`ignore`"])


def _hint(follows: frozenset[str]) -> str:
    if "picture_size" not in follows or "target" in follows:
        return ""
    return (
        ". Targets, groups and splits of pictures may stand in a sheet beside them, such as "
        "labels.csv"
    )
