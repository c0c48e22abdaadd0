"""Owners, API keys and browsers' sessions. Of every secret only the SHA-256 is kept.

Secrets are 256 random bits, so a plain digest is as good as a slow one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from trainyard.errors import Forbidden, NotFound
from trainyard.ids import new_id
from trainyard.store.tables import ApiKey, BrowserSession, Owner, now

LOGIN_LINK_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(days=14)
_USE_RECORDED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Identity:
    """Who makes a request."""

    key_id: str
    owner_id: str
    owner_name: str
    is_admin: bool


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def bootstrap(session: Session) -> str | None:
    """On a database without keys: the owner ``admin`` and its key; returns the secret."""
    if session.scalar(select(ApiKey.id).limit(1)) is not None:
        return None
    owner = find_owner(session, "admin", create=True)
    _, secret = _add_key(session, owner, "first key", is_admin=True)
    return secret


def find_owner(session: Session, name: str, *, create: bool = False) -> Owner:
    """The owner of this name.

    Raises:
        NotFound: there is none and it is not to be made.
    """
    owner = session.scalar(select(Owner).where(Owner.name == name))
    if owner is None and not create:
        raise NotFound(f"There is no owner {name!r}.")
    if owner is None:
        owner = Owner(id=new_id("own"), name=name)
        session.add(owner)
        session.flush()
    return owner


def create_key(
    session: Session, who: Identity, name: str, owner_name: str | None = None
) -> tuple[ApiKey, str]:
    """A new key of the caller's owner and its secret, which is shown this once.

    An administrator may name another owner, who is made where there is none yet.

    Raises:
        Forbidden: another owner was named without an administrator's key.
    """
    wanted = owner_name or who.owner_name
    if wanted != who.owner_name and not who.is_admin:
        raise Forbidden("Only an administrator's key may make keys for another owner.")
    owner = find_owner(session, wanted, create=True)
    return _add_key(session, owner, name, is_admin=False)


def _add_key(session: Session, owner: Owner, name: str, *, is_admin: bool) -> tuple[ApiKey, str]:
    secret = f"ty_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=new_id("key"),
        owner_id=owner.id,
        name=name,
        secret_sha256=digest(secret),
        is_admin=is_admin,
    )
    session.add(key)
    session.flush()
    return key, secret


def list_keys(session: Session, who: Identity) -> Sequence[tuple[ApiKey, str]]:
    """The owner's keys, every owner's for an administrator, each with its owner's name."""
    query = select(ApiKey, Owner.name).join(Owner, Owner.id == ApiKey.owner_id)
    if not who.is_admin:
        query = query.where(ApiKey.owner_id == who.owner_id)
    return [(key, name) for key, name in session.execute(query.order_by(ApiKey.id))]


def delete_key(session: Session, who: Identity, key_id: str) -> None:
    """Withdraw a key, and with it the sessions that it opened.

    Raises:
        NotFound: there is none, or it is another owner's.
    """
    key = session.get(ApiKey, key_id)
    if key is None or (key.owner_id != who.owner_id and not who.is_admin):
        raise NotFound(f"There is no key {key_id}.")
    session.execute(delete(ApiKey).where(ApiKey.id == key.id))


def authenticate(session: Session, secret: str) -> Identity | None:
    """Who a key's secret belongs to; reads only, see ``record_use``."""
    query = select(ApiKey, Owner.name).join(Owner, Owner.id == ApiKey.owner_id)
    row = session.execute(query.where(ApiKey.secret_sha256 == digest(secret))).first()
    return None if row is None else _identity(row[0], row[1])


def _identity(key: ApiKey, owner_name: str) -> Identity:
    return Identity(key.id, key.owner_id, owner_name, key.is_admin)


def record_use(session: Session, key_id: str) -> None:
    """Set ``last_used_at``, at most once a minute."""
    stale = ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < now() - _USE_RECORDED_EVERY)
    statement = update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=now())
    session.execute(statement, execution_options={"synchronize_session": False})


def create_login_token(session: Session, key_id: str) -> str:
    """The secret of a login link that works once, for ``LOGIN_LINK_LIFETIME``."""
    return _add_session(session, key_id, LOGIN_LINK_LIFETIME, one_time=True)


def create_session(session: Session, key_id: str) -> str:
    """The value of a browser's session cookie."""
    return _add_session(session, key_id, SESSION_LIFETIME, one_time=False)


def _add_session(session: Session, key_id: str, lifetime: timedelta, *, one_time: bool) -> str:
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at < now()))
    token = secrets.token_urlsafe(32)
    session.add(
        BrowserSession(
            token_sha256=digest(token),
            key_id=key_id,
            one_time=one_time,
            expires_at=now() + lifetime,
        )
    )
    session.flush()
    return token


def redeem_login_token(session: Session, token: str) -> str | None:
    """Use up a login link; returns a session's cookie value, none if it is no longer good."""
    used = delete(BrowserSession).where(
        BrowserSession.token_sha256 == digest(token),
        BrowserSession.one_time,
        BrowserSession.expires_at > now(),
    )
    options = {"synchronize_session": False}
    key_id = session.scalar(used.returning(BrowserSession.key_id), execution_options=options)
    return None if key_id is None else create_session(session, key_id)


def authenticate_session(session: Session, token: str) -> Identity | None:
    """Who a session cookie belongs to."""
    row = session.execute(
        select(ApiKey, Owner.name)
        .join(Owner, Owner.id == ApiKey.owner_id)
        .join(BrowserSession, BrowserSession.key_id == ApiKey.id)
        .where(
            BrowserSession.token_sha256 == digest(token),
            ~BrowserSession.one_time,
            BrowserSession.expires_at > now(),
        )
    ).first()
    return None if row is None else _identity(row[0], row[1])


def end_session(session: Session, token: str) -> None:
    """Log a browser out."""
    session.execute(delete(BrowserSession).where(BrowserSession.token_sha256 == digest(token)))
