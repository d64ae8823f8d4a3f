"""Creating and listing users, over Supabase's REST API."""

from bridge import cursors
from bridge.api import Caller, Problem
from bridge.errors import SupabaseConflictError
from bridge.supabase import Supabase, gt
from users.models import NewUser, User, UserPage

TABLE = "users"
COLUMNS = "id,email,name,created_at"


def create(new: NewUser) -> User:
    """Create a user, whoever calls.

    Raises:
        Problem: 409, the e-mail address is taken.
        SupabaseError: it could not be stored.
    """
    try:
        [row] = Supabase.service_role().insert(TABLE, [new.model_dump()], columns=COLUMNS)
    except SupabaseConflictError:
        raise Problem(409, "The e-mail address is taken", detail="Another user has this address.") from None
    return User.model_validate(row)


def page(caller: Caller, *, limit: int, cursor: str | None) -> UserPage:
    """Return the users that the caller may see, ordered by id.

    Args:
        caller: the service role sees all; for anyone else, row-level security decides.
        limit: of users, 1 to 100.
        cursor: the previous page's; None: the first page.

    Raises:
        SupabaseError: they could not be read.
    """
    sees_all = caller.role == "service_role"
    supabase = Supabase.service_role() if sees_all else Supabase.as_user(caller.token)
    after = [gt("id", cursors.to_uuid(cursor))] if cursor else []
    # One more than asked for tells whether there is a next page.
    rows = supabase.select(TABLE, columns=COLUMNS, where=after, order="id.asc", limit=limit + 1)
    users = [User.model_validate(row) for row in rows[:limit]]
    return UserPage(users=users, next_cursor=cursors.of_uuid(users[-1].id) if len(rows) > limit else None)
