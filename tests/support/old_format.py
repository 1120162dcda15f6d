"""Database files in the formats of older versions."""

import sqlite3

from storage.file.migration import read_migrations, split_statements


def back_to_format_1(connection: sqlite3.Connection) -> None:
    """Take away from a file what later migrations added."""
    for table in ("event", "log_chunk", "execution", "task_run", "attempt", "mission"):
        name = f"{table}_never_deleted"
        connection.execute(f"DROP TRIGGER {name}")
        for statement in split_statements(read_migrations()[0]):
            if f"CREATE TRIGGER {name} " in statement:
                connection.execute(statement)
    connection.executescript(
        """
        ALTER TABLE attempt DROP COLUMN artifacts;
        ALTER TABLE attempt DROP COLUMN census;
        ALTER TABLE attempt DROP COLUMN resources;
        ALTER TABLE attempt DROP COLUMN placement;
        DROP INDEX task_run_approval;
        DROP INDEX execution_retry_of;
        DROP INDEX execution_rerun_of;
        ALTER TABLE lease DROP COLUMN workers;
        ALTER TABLE lease DROP COLUMN workers_at;
        DROP TABLE claim;
        DROP TABLE prune;
        DROP TABLE pruned_event;
        DROP TABLE run_number;
        DROP INDEX execution_run_number;
        DROP INDEX request_open;
        ALTER TABLE execution DROP COLUMN keep_going;
        ALTER TABLE execution DROP COLUMN breakpoints;
        ALTER TABLE execution DROP COLUMN breaker;
        ALTER TABLE execution DROP COLUMN breaker_message;
        ALTER TABLE execution DROP COLUMN duration_us;
        ALTER TABLE task_run DROP COLUMN duration_us;
        ALTER TABLE attempt DROP COLUMN duration_us;
        ALTER TABLE request DROP COLUMN outcome;
        ALTER TABLE request DROP COLUMN why;
        ALTER TABLE request DROP COLUMN settled_at;
        CREATE INDEX request_open ON request (execution) WHERE taken_at IS NULL;
        DROP INDEX execution_root;
        DROP INDEX execution_parent;
        ALTER TABLE execution DROP COLUMN run_number;
        ALTER TABLE execution DROP COLUMN coverage;
        ALTER TABLE execution DROP COLUMN parent_task_id;
        ALTER TABLE execution DROP COLUMN parent_attempt;
        ALTER TABLE execution DROP COLUMN retry_scope;
        DROP INDEX execution_labelled;
        ALTER TABLE execution DROP COLUMN forced;
        ALTER TABLE execution DROP COLUMN labels;
        ALTER TABLE execution DROP COLUMN title;
        DROP TABLE step_record;
        ALTER TABLE execution DROP COLUMN item_counts;
        PRAGMA user_version = 1;
        """
    )
