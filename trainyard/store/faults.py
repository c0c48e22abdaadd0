"""Faults of what this stands on: a database, a store or a disk that does not serve right now.

They say nothing about the request or the job: the same may go well a moment later. Whoever can
wait does it again; the API answers 503, or 507 where a disk is full.
"""

from __future__ import annotations

import errno
import sqlite3

from obstore.exceptions import (
    AlreadyExistsError,
    InvalidPathError,
    NotFoundError,
    PreconditionError,
)
from obstore.exceptions import BaseError as StoreError
from sqlalchemy import exc

_STORE_MISTAKES = (AlreadyExistsError, InvalidPathError, NotFoundError, PreconditionError)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PG_DISK_FULL = "53100"
_BROKEN = {errno.EIO, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN}


def is_database_fault(error: BaseException) -> bool:
    """Whether the database is away, locked, out of space, or broke the transaction off."""
    if isinstance(error, exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:  # else busy, locked, full, not to be read …
        return isinstance(error, exc.OperationalError) and code != sqlite3.SQLITE_ERROR
    kinds = (exc.OperationalError, exc.InterfaceError, exc.InternalError)
    return isinstance(error, kinds) or error.connection_invalidated


def is_store_fault(error: BaseException) -> bool:
    """Whether the object store or a disk is at fault; never for what is not there."""
    if isinstance(error, StoreError):
        return not isinstance(error, _STORE_MISTAKES)
    return isinstance(error, OSError) and error.errno in _FULL | _BROKEN


def is_fault(error: BaseException) -> bool:
    """Whether the same may go well a moment later."""
    return is_database_fault(error) or is_store_fault(error)


def is_disk_full(error: BaseException) -> bool:
    """Whether somewhere a disk, or a quota, is full."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return True
    if getattr(cause, "sqlstate", None) == _PG_DISK_FULL:
        return True
    if isinstance(cause, OSError):
        return cause.errno in _FULL
    # The store is written in Rust: of the system's error only the text is left.
    return isinstance(cause, StoreError) and any(f"(os error {n})" in str(cause) for n in _FULL)


def told(error: BaseException) -> str:
    """What does not serve, in one plain sentence without addresses."""
    part = "The database" if is_database_fault(error) else "The store"
    if is_disk_full(error):
        return f"{part} has no space left on its disk."
    return f"{part} does not answer ({type(error).__name__})."
