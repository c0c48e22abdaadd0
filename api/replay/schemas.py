"""Passports and replays as JSON."""

from __future__ import annotations

from typing import Any

from api.schemas import ApiModel
from trainyard.status import JobStatus, ReasonCode


class Digest(ApiModel):
    sha256: str


class DatasetDigest(ApiModel):
    id: str
    sha256: str
    """Of the canonical arrays, their shapes and the class names."""


class Code(ApiModel):
    trainyard: str
    """Its version."""
    source_sha256: str
    """Of the installed source files that compute."""
    git_commit: str | None = None
    """Where it runs from a checkout."""


class AttemptPassport(ApiModel):
    """What one attempt ran on, as its trainer found it."""

    number: int
    start_step: int
    spec: Digest
    code: Code
    packages: dict[str, str]
    """Version by name of every installed package, of Python, and `sha256` of the list."""
    hardware: dict[str, Any]
    """Device, processor, threads and the instruction sets that decide the kernels."""
    numerics: dict[str, Any]
    """Seed, precision, determinism, and variables by which libraries choose kernels."""
    initial_weights: Digest | None = None
    """What `init_from` stood for; only where the attempt began with it."""


class WeightsDigest(ApiModel):
    step: int
    sha256: str


class SeriesDigest(ApiModel):
    sha256: str
    """Of every recorded value by step, but those of `system/…`."""
    num_steps: int
    last_step: int | None


class Result(ApiModel):
    """What has come out so far."""

    status: JobStatus
    reason: ReasonCode | None
    best: WeightsDigest | None
    last: WeightsDigest | None
    metrics: SeriesDigest


class Passport(ApiModel):
    """What a job's result depends on and what it was, by SHA-256 digests.

    Digests of JSON are over its canonical form: keys sorted, no spaces, UTF-8.
    """

    job: str
    replay_of: str | None
    spec: Digest
    """Of `model`, `training` and `definitions` with all defaults filled in."""
    dataset: DatasetDigest
    seed: int
    attempts: list[AttemptPassport]
    result: Result


class Replay(ApiModel):
    """What became of a replay."""

    of: str
    """The job that was run again."""
    status: JobStatus
    """Of the replay."""
    identical: bool | None
    """Whether weights, metrics and ending are the same bit for bit; null while the replay has
    not ended, or where the first job is gone."""
    parted_at_step: int | None
    """The first step whose loss differs; the first recorded one, where other metrics do."""
    equal_until_step: int | None
    """The last step before that of which it is known that it does not differ."""
    differences: list[str]
    """Entries of the results and of the passports that differ, as «section: entry a → b»."""
    message: str
    """All that in a sentence."""
