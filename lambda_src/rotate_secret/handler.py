"""Called by Secrets Manager for each step of a rotation, hourly by a schedule, and directly.

    aws lambda invoke --function-name … --payload '{"entry": "target-crm", "end_overlap": true}' /dev/stdout

Events hold no secrets and are not logged either: what is logged are names.
"""

import functools
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from psycopg import IsolationLevel

from bridge import environment
from bridge.database import Database
from bridge.errors import BridgeError
from rotate_secret.errors import RotationError
from rotate_secret.platforms import Platforms
from rotate_secret.request import StepRequest, UpkeepRequest
from rotate_secret.rotation import Rotation
from rotate_secret.settings import Settings
from rotate_secret.upkeep import Upkeep
from rotate_secret.vault import Vault

_logger = Logger()


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(environment.variables())


@functools.cache
def vault() -> Vault:
    known = settings()
    database = Database(
        known.database_secret_id,
        tls=known.database_tls,
        application_name="rotate_secret",
        # Where serializable is the default, a statement that signs beside it would be made to fail.
        isolation=IsolationLevel.READ_COMMITTED,
    )
    return Vault(database)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Take one step of a rotation, or do what is due between them.

    Returns:
        What was done, by the entry's short name.

    Raises:
        RotationError: its text says what could not be done and what would help.
    """
    known = settings()
    if "Step" in event:
        return _rotate(StepRequest.parse(event, known.entries))
    return _look_after(UpkeepRequest.parse(event, known.entries))


def _rotate(request: StepRequest) -> dict[str, str]:
    rotation = Rotation(settings().entries[request.entry], vault(), _platforms())
    fields = {"entry": request.entry, "step": request.step, "version": request.token}
    try:
        done = rotation.take(request.step, request.token)
    except BridgeError as error:
        _logger.error("failed", extra={**fields, "reason": str(error)})  # noqa: TRY400 - the reason is all
        raise RotationError(f'{request.step} of "{request.entry}": {error}') from None
    _logger.info("step taken", extra={**fields, "done": done})
    return {request.entry: done}


def _look_after(request: UpkeepRequest) -> dict[str, str]:
    """Do what is due for each entry, whatever becomes of the others."""
    done, failed = {}, []
    for entry in request.entries:
        upkeep = Upkeep(settings().entries[entry], vault(), _platforms(), overlap=settings().overlap)
        try:
            done[entry] = upkeep.run(end_overlap=request.end_overlap)
        except BridgeError as error:
            _logger.error("failed", extra={"entry": entry, "reason": str(error)})  # noqa: TRY400 - the same
            failed.append(f'"{entry}": {error}')
        else:
            _logger.info("looked after", extra={"entry": entry, "done": done[entry]})
    if failed:
        raise RotationError("; ".join([*failed, *(f'"{name}": {text}' for name, text in done.items())]))
    return done


def _platforms() -> Platforms | None:
    function = settings().sync_function
    return Platforms(function) if function else None
