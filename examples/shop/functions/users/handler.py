"""The Lambda function behind POST /users and GET /users."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from bridge import api, cursors
from users import accounts
from users.models import NewUser, User, UserPage

app = api.resolver()


@app.post(
    "/users",
    summary="Create a user",
    status_code=201,
    responses={201: {"description": "The user", "headers": api.headers("Location")}}
    | api.problems({409: "The e-mail address is taken"}),
)
def create_user(new: NewUser) -> Response[User]:
    user = accounts.create(new)
    return api.created(user, location=f"/users/{user.id}")


@app.get("/users", summary="List users", responses=api.cached_responses("Users, ordered by id"))
def list_users(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=cursors.UUID_PATTERN)] = None,
) -> Response[UserPage]:
    page = accounts.page(api.caller(app), limit=limit, cursor=cursor)
    return api.cached(app, page, max_age=10)


handler = api.handler(app)
