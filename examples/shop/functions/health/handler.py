"""The Lambda function behind GET /health."""

from aws_lambda_powertools.event_handler import Response

from bridge import api
from bridge.database import Database
from health import checks
from health.models import Health, State

app = api.resolver()
database = Database.from_environment(connect_timeout=checks.TIMEOUT_SECONDS)


@app.get(
    "/health",
    summary="Tell whether the database and the REST API can be reached",
    responses={200: {"description": "Both can"}, 503: {"description": "At least one can't"}},
)
def get_health() -> Response[Health]:
    health = checks.check(database)
    return Response(
        200 if health.status == State.OK else 503,
        content_type="application/json",
        body=health,
        headers={"Cache-Control": "no-store"},
    )


handler = api.handler(app)
