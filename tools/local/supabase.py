"""What a Supabase database has and a plain PostgreSQL lacks: extensions, auth, pg_net, Vault, Storage."""

from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tools.errors import LocalError

SQL = Path(__file__).parent / "sql"
# What makes each one present; a part that is there is never touched.
PRESENT = {
    "public": "select exists (select from pg_default_acl where defaclnamespace = 'public'::regnamespace)",
    "extensions": "select exists (select from pg_extension where extname = 'pgcrypto')",
    "auth": "select to_regprocedure('auth.uid()') is not null",
    "vault": "select to_regprocedure('vault.create_secret(text,text,text,uuid)') is not null",
    "storage": "select to_regclass('storage.objects') is not null",
    "pg_net": "select to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is not null",
}
# The real thing, where the server's packages have it.
EXTENSIONS = {"vault": "supabase_vault", "pg_net": "pg_net"}
# What a part consists of, where it is more than one file of its name.
FILES = {"vault": ("vault", "vault_grants"), "pg_net": ("pg_net", "pg_net_0_20")}
# What Supabase's image adds to an extension; pg_net's own grants, to PUBLIC, are all that it needs.
GRANTS = {"vault": "vault_grants"}
API_ROLES = ("anon", "authenticated", "service_role")
ROLES = (*API_ROLES, "postgres")


def install(admin_url: str, database: str = "postgres") -> list[str]:
    """Add to `database` what it lacks of Supabase, the real extensions first, else the stand-ins.

    Args:
        admin_url: a superuser's address of the server.
        database: the database to install into.

    Returns:
        The stand-ins that were installed, out of "vault" and "pg_net".
    """
    with psycopg.connect(admin_url, dbname=database, autocommit=True) as connection:
        return _add(connection, list(PRESENT))


def complete(url: str) -> list[str]:
    """Add to a given database what the bridge needs and it lacks; what is there is not touched.

    Args:
        url: the deploying role's address. What it may not add is left out: the deployment names it.

    Returns:
        The stand-ins that were installed, out of "vault" and "pg_net".
    """
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            for role in ROLES:
                if not _holds(connection, f"select to_regrole('{role}') is not null"):
                    connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            return _add(connection, [part for part in PRESENT if part != "public"])
        except psycopg.errors.InsufficientPrivilege:
            return []


def _add(connection: psycopg.Connection[tuple[object, ...]], parts: Sequence[str]) -> list[str]:
    stand_ins = []
    for part in parts:
        if _holds(connection, PRESENT[part]):
            continue
        if part in EXTENSIONS and _create_extension(connection, part):
            continue
        _run(connection, *FILES.get(part, (part,)))
        if part in EXTENSIONS:
            stand_ins.append(part)
    return stand_ins


def recreate_pg_net(admin_url: str) -> None:
    """Do what `drop extension pg_net cascade; create extension pg_net` does, to the stand-in in a database.

    What is queued and answered is gone, and request ids begin at 1 again; the worker stays.

    Args:
        admin_url: a superuser's address of the database.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection, connection.transaction():
        connection.execute("drop schema if exists net cascade")
        _run(connection, *FILES["pg_net"])


def downgrade_pg_net(admin_url: str) -> None:
    """Replace the stand-in for pg_net in a database by one whose SQL is that of version 0.14.

    So is a database of Supabase that was created with 0.14 and whose server has since got a newer image:
    the worker is the newest, and nothing wakes it.

    Args:
        admin_url: a superuser's address of the database. Its schema net is dropped, with what is queued.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection, connection.transaction():
        connection.execute("drop schema if exists net cascade")
        _run(connection, "pg_net", "pg_net_0_14")


def update_pg_net(admin_url: str) -> None:
    """Do what `alter extension pg_net update` does, to the stand-in in a database: 0.14 becomes 0.20."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        _run(connection, "pg_net_0_20")


def lose_vault_key(admin_url: str) -> None:
    """Give the stand-in for Vault in a database another root key, as when the volume with the key is lost.

    From then on what was encrypted before can't be read or updated; what is created afterwards can.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        _run(connection, "vault_lost_key")


def let_act_as_callers(url: str) -> None:
    """See to it that the role of a given database's address may act as those that tokens name.

    Raises:
        LocalError: it may not, and can't be allowed to.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for role in API_ROLES:
            if not (_may_act_as(connection, role) or _joined(connection, role)):
                raise LocalError(
                    f"the role of DATABASE_URL may not act as {role!r}: as an administrator, "
                    f"grant {role} to {connection.info.user}; or name a running Supabase with SUPABASE_URL"
                )


def has_stand_in_pg_net(url: str) -> bool:
    """Return whether the database's pg_net is the stand-in, whose worker is a process of this machine."""
    with psycopg.connect(url) as connection:
        return _holds(
            connection,
            PRESENT["pg_net"] + " and not exists (select from pg_extension where extname = 'pg_net')",
        )


def _holds(connection: psycopg.Connection[tuple[object, ...]], test: str) -> bool:
    row = connection.execute(test.encode()).fetchone()
    return row is not None and row[0] is True


def _may_act_as(connection: psycopg.Connection[tuple[object, ...]], role: str) -> bool:
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _joined(connection: psycopg.Connection[tuple[object, ...]], role: str) -> bool:
    try:
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return _may_act_as(connection, role)


def _run(connection: psycopg.Connection[tuple[object, ...]], *names: str) -> None:
    with connection.transaction():
        for name in names:
            connection.execute((SQL / f"{name}.sql").read_bytes())


def _create_extension(connection: psycopg.Connection[tuple[object, ...]], part: str) -> bool:
    name = EXTENSIONS[part]
    available = connection.execute("select from pg_available_extensions where name = %s", [name]).fetchone()
    if available is None:
        return False
    statement = sql.SQL("create extension if not exists {} cascade").format(sql.Identifier(name))
    try:
        connection.execute(statement)
    except psycopg.Error:
        return False  # packaged, but not preloaded by this server: the stand-in serves
    if part in GRANTS:
        _run(connection, GRANTS[part])
    return True
