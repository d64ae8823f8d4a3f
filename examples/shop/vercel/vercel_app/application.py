"""The application: its routes, and what it keeps while an instance lives."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vercel_app import users
from vercel_app.answers import answer
from vercel_app.failures import Failures, refused_by_router
from vercel_app.instance import Instance
from vercel_app.payments import endpoint as payments
from vercel_app.webhooks import receiving


async def health(_: Request) -> Response:
    """Tell that the function runs; it asks nobody, so that anyone may ask it."""
    return answer(HTTPStatus.OK, {"status": "ok"})


ROUTES = [
    Route("/api/webhook/{webhook}", receiving.receive, methods=["POST"]),
    Route("/api/process-payment", payments.process_payment, methods=["POST"]),
    Route("/api/users", users.list_users, methods=["GET"]),
    Route("/api/health", health, methods=["GET"]),
]


def make_app(environment: Mapping[str, str]) -> Starlette:
    """Make the application.

    Args:
        environment: the project's variables; those that a route needs are read when it is asked for.
    """
    instance = Instance(environment)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await instance.close()

    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Failures)],
        exception_handlers={HTTPException: refused_by_router},
        lifespan=lifespan,
    )
    app.state.instance = instance
    # A redirect would turn a POST without its slash into another request.
    app.router.redirect_slashes = False
    return app
