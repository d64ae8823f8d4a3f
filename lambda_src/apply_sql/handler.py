"""`Custom::SupabaseBridge`: schema bridge and the declared triggers, as a CloudFormation resource.

Called by CDK's provider framework (onEvent). The event is never logged: it holds the pre-signed address that
CloudFormation awaits its answer at.
"""

import functools
import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from apply_sql.deployment import Deployment
from apply_sql.errors import ApplyError
from apply_sql.request import PHYSICAL_ID, Request
from apply_sql.scripts import Scripts
from apply_sql.settings import Settings
from bridge import environment, secrets
from bridge.database import Database
from bridge.errors import BridgeError
from bridge.version import VERSION

REASON_BYTES = 1500
"""As JSON. A custom resource's whole answer may hold 4096, of which the framework needs some."""
REMEDY_ON_DELETE = "; delete again once it is reachable, or retain this resource if the database is gone"

_logger = Logger()


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(environment.variables())


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Apply, change or remove the installation.

    Raises:
        ApplyError: its text is the reason that CloudFormation shows.
    """
    request = Request.parse(event)
    try:
        data = _serve(request)
    except (ApplyError, BridgeError) as error:
        _logger.error("failed", extra={"kind": request.kind, "reason": str(error)})  # noqa: TRY400 - no event in a log
        remedy = REMEDY_ON_DELETE if request.kind == "Delete" else ""
        raise ApplyError(shortened(str(error)) + remedy) from None
    _logger.info("done", extra={"kind": request.kind, **data})
    return {"PhysicalResourceId": PHYSICAL_ID, "Data": data}


def _serve(request: Request) -> dict[str, Any]:
    given = settings()
    # A secret that was filled since the last attempt counts at once.
    secrets.forget()
    database = Database(
        given.database_secret_id,
        tls=given.database_tls,
        application_name="apply_sql",
        url_field="direct_url",
    )
    deployment = Deployment(
        connect=database.connection,
        scripts=Scripts.read(given.sql_directory, VERSION),
        signing_secret=lambda target: _signing_secret(given, target),
        warn=_logger.warning,
    )
    try:
        return deployment.remove(request) if request.kind == "Delete" else deployment.apply(request)
    finally:
        database.close()


def _signing_secret(given: Settings, target: str | None) -> str:
    """Read the secrets in force as Vault keeps them: base64, the current one first, separated by a space.

    In the middle of a rotation too: every receiver accepts what is in force until an overlap ends, with or
    without the secret that is to come. rotate_secret puts Vault right within the hour, and before it ends
    the overlap.
    """
    secret_id = given.signing_secret_id if target is None else given.target_secret_ids[target]
    entry = secrets.get(secret_id)
    current, previous = secrets.field(secret_id, "current"), entry.get("previous", "")
    return " ".join(secret.removeprefix("whsec_") for secret in (current, previous) if secret)


def shortened(reason: str) -> str:
    """Cut a reason to what CloudFormation takes, in its middle: its beginning and its end name the most."""
    kept = len(reason)
    shown = reason
    while len(json.dumps(shown)) > REASON_BYTES:
        kept = kept * 9 // 10
        shown = f"{reason[: kept // 2]} […] {reason[len(reason) - kept // 2 :]}"
    return shown
