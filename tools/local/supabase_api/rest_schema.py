"""What schema public exposes: read with each request, as an event trigger keeps PostgREST's cache fresh."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from tools.local.supabase_api.database import Transaction
from tools.local.supabase_api.errors import RestError
from tools.local.supabase_api.rest_sql import SCHEMA

TABLE = """
select
  c.oid,
  array(
    select attname::text from pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum
  ),
  array(
    select a.attname::text from pg_index as i cross join unnest(i.indkey) as k
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k
    where i.indrelid = c.oid and i.indisprimary order by array_position(i.indkey, k)
  )
from pg_class as c
where c.relnamespace = $1::regnamespace and c.relname = $2 and c.relkind in ('r', 'v', 'm', 'f', 'p')
"""
TABLES = """
select relname::text from pg_class
where relnamespace = $1::regnamespace and relkind in ('r', 'v', 'm', 'f', 'p') order by relname
"""
FUNCTIONS = """
select
  p.proname::text,
  array(
    select coalesce(p.proargnames[n], '') from generate_series(1, p.pronargs) as n
  ),
  array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as a (t, n) order by n),
  p.pronargdefaults,
  p.proretset,
  r.typtype in ('c') or p.prorettype = 'record'::regtype,
  p.prorettype = 'void'::regtype
from pg_proc as p join pg_type as r on r.oid = p.prorettype
where p.pronamespace = $1::regnamespace and p.prokind = 'f'
"""


@dataclass(frozen=True)
class Table:
    """A table or view."""

    name: str
    columns: list[str]
    key: list[str]

    def check(self, columns: Sequence[str]) -> None:
        """Refuse columns that it hasn't.

        Raises:
            RestError: PGRST204.
        """
        for column in columns:
            if column not in self.columns:
                message = f"Could not find the '{column}' column of '{self.name}' in the schema cache"
                raise RestError(400, "PGRST204", message)


@dataclass(frozen=True)
class Function:
    """A function and the arguments that it takes by name."""

    name: str
    arguments: dict[str, str]
    defaults: int
    returns_set: bool
    returns_rows: bool
    returns_void: bool

    def takes(self, given: set[str]) -> bool:
        names = list(self.arguments)
        required = set(names[: len(names) - self.defaults])
        return required <= given <= set(names)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name} => {kind}" for name, kind in self.arguments.items())
        return f"{SCHEMA}.{self.name}({arguments})"


async def tables(transaction: Transaction) -> list[str]:
    return [name for (name,) in await transaction.rows(TABLES, [SCHEMA])]


async def table(transaction: Transaction, name: str) -> Table:
    """Find a table or view by name.

    Raises:
        RestError: PGRST205, there is none; the hint names one that is called alike.
    """
    found = await transaction.row(TABLE, [SCHEMA, name])
    if found is not None:
        return Table(name, found[1], found[2])
    alike = difflib.get_close_matches(name, await tables(transaction), n=1)
    raise RestError(
        404,
        "PGRST205",
        f"Could not find the table '{SCHEMA}.{name}' in the schema cache",
        hint=f"Perhaps you meant the table '{SCHEMA}.{alike[0]}'" if alike else None,
    )


async def function(transaction: Transaction, name: str, given: Sequence[str]) -> Function:
    """Find the function that takes these arguments.

    Raises:
        RestError: PGRST202, there is none; PGRST203, there are several.
    """
    known = [
        Function(found, dict(zip(names, types, strict=True)), defaults, *returns)
        for found, names, types, defaults, *returns in await transaction.rows(FUNCTIONS, [SCHEMA])
    ]
    fitting = [candidate for candidate in known if candidate.name == name and candidate.takes(set(given))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        listed = ", ".join(str(candidate) for candidate in fitting)
        raise RestError(
            300,
            "PGRST203",
            f"Could not choose the best candidate function between: {listed}",
            hint="Try renaming the parameters or the function itself in the database so function overloading"
            " can be resolved",
        )
    shown = f"({', '.join(sorted(given))})" if given else " without parameters"
    alike = difflib.get_close_matches(name, {candidate.name for candidate in known}, n=1)
    raise RestError(
        404,
        "PGRST202",
        f"Could not find the function {SCHEMA}.{name}{shown} in the schema cache",
        details=f"Searched for the function {SCHEMA}.{name}, but no matches were found in the schema cache.",
        hint=f"Perhaps you meant to call the function {SCHEMA}.{alike[0]}" if alike else None,
    )
