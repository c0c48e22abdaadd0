"""Connections to PostgreSQL: nobody is held up for long by one that has stopped or is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.servers import Postgres, opened
from trainyard.store import faults
from trainyard.store.database import migrate

HOLDS = """
import sys, time
from sqlalchemy import text
from trainyard.store.database import Database, engine_at
with Database(engine_at(sys.argv[1])).write() as session:
    session.execute(text("LOCK TABLE jobs"))
    print("locked", flush=True)
    time.sleep(600)
"""


def test_whoever_stops_in_the_middle_of_a_transaction_loses_it_before_others_give_up(
    postgres: Postgres,
) -> None:
    with postgres.database() as url, opened(url) as database:
        command = [sys.executable, "-c", HOLDS, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            holder.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            with database.write() as session:
                session.execute(text("LOCK TABLE jobs"))
            waited = time.monotonic() - began
            holder.kill()
        assert waited > 5  # and no more than lock_timeout, which would have raised


def test_whoever_is_killed_in_the_middle_of_a_transaction_loses_it_at_once(
    postgres: Postgres,
) -> None:
    with postgres.database() as url, opened(url) as database:
        command = [sys.executable, "-c", HOLDS, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            holder.kill()
        with database.write() as session:
            session.execute(text("LOCK TABLE jobs"))


def test_a_statement_that_takes_too_long_is_a_fault_that_may_pass(postgres: Postgres) -> None:
    with postgres.database() as url, opened(url) as database:
        with database.read() as session:
            assert session.scalar(text("SHOW statement_timeout")) == "1min"
            assert session.scalar(text("SHOW lock_timeout")) == "15s"
        with database.read() as session:
            session.execute(text("SET LOCAL statement_timeout = 50"))
            with pytest.raises(DBAPIError) as raised:
                session.execute(text("SELECT pg_sleep(30)"))
        assert faults.is_fault(raised.value)
        with database.read() as session:
            assert session.scalar(text("SELECT 1")) == 1


def test_a_migration_may_take_longer(postgres: Postgres) -> None:
    """It is not cut off where a table is large: shown by a trigger that looks at the limit."""
    with postgres.database(empty=True) as url:
        look = """
            CREATE TABLE seen (setting text);
            CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
              INSERT INTO seen VALUES (current_setting('statement_timeout')); END $$;
            CREATE EVENT TRIGGER look ON ddl_command_end EXECUTE FUNCTION look();
        """
        with opened(url) as database:
            with database.write() as session:
                session.connection().exec_driver_sql(look)
            migrate(url)
            with database.read() as session:
                found = set(session.scalars(text("SELECT setting FROM seen")))
        assert found == {"0"}
