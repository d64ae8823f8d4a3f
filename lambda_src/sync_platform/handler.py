"""`Custom::PlatformSecrets`: a target's secrets on its platform, as a CloudFormation resource.

Called by CDK's provider framework (onEvent), and directly after a secret has changed:

    aws lambda invoke --function-name … --payload '{"target": "crm"}' /dev/stdout

An event is never logged: CloudFormation's holds the pre-signed address that it awaits its answer at.
"""

import functools
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge import environment, secrets
from bridge.errors import BridgeError, SecretError
from sync_platform.attempts import Attempts
from sync_platform.errors import SyncError, TokenError
from sync_platform.request import DirectRequest, ResourceRequest
from sync_platform.settings import Settings
from sync_platform.sync import Sync

# For the answer, once there is one.
RESERVED_SECONDS = 5.0
REMEDY_ON_DELETE = "; delete again, or retain this resource"

_logger = Logger()


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(environment.variables())


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Put or remove one target's secrets for CloudFormation, or put those that a person names.

    Returns:
        For CloudFormation the "PhysicalResourceId" and the "Data" of its resource; for a person, by target,
        what was "Written" and what its "Effect" is.

    Raises:
        SyncError: its text is the reason that CloudFormation, or the person, is shown.
    """
    # A secret that was changed since the last invocation counts at once.
    secrets.forget()
    seconds = context.get_remaining_time_in_millis() / 1_000 - RESERVED_SECONDS
    sync = Sync(settings=settings(), attempts=Attempts(time.monotonic() + seconds))
    if "RequestType" in event:
        return _serve(sync, ResourceRequest.parse(event))
    return _put_all(sync, DirectRequest.parse(event, settings().targets))


def _serve(sync: Sync, request: ResourceRequest) -> dict[str, Any]:
    if request.kind == "Delete":
        return {"PhysicalResourceId": request.place_id, "Data": _remove(sync, request)}
    try:
        outcome = sync.put(request.target)
    except BridgeError as error:
        raise _reported(error, request.kind, request.target.name) from None
    _logger.info("put", extra={"target": request.target.name, **outcome.data})
    return {"PhysicalResourceId": outcome.place_id, "Data": outcome.data}


def _remove(sync: Sync, request: ResourceRequest) -> dict[str, Any]:
    target = request.target.name
    try:
        data = sync.remove(request.target, request.place_id).data
    except (SecretError, TokenError) as error:
        # A token that was withdrawn doesn't come back: it mustn't keep the stack from being deleted.
        _logger.warning("left behind", extra={"target": target, "reason": str(error)})
        return {"Written": "", "Effect": f"left behind: {error}"}
    except BridgeError as error:
        raise _reported(error, "Delete", target, REMEDY_ON_DELETE) from None
    _logger.info("removed", extra={"target": target, **data})
    return data


def _put_all(sync: Sync, request: DirectRequest) -> dict[str, Any]:
    """Put the secrets of each target, whatever becomes of the others."""
    done, failed = {}, []
    for target in request.targets:
        try:
            done[target.name] = sync.put(target, force=request.force).data
        except BridgeError as error:
            failed.append(str(_reported(error, "direct", target.name)))
        else:
            _logger.info("put", extra={"target": target.name, **done[target.name]})
    if failed:
        raise SyncError("; ".join([*failed, *(f"{name}: {data['Effect']}" for name, data in done.items())]))
    return done


def _reported(error: BridgeError, kind: str, target: str, remedy: str = "") -> SyncError:
    _logger.error("failed", extra={"kind": kind, "target": target, "reason": str(error)})
    return SyncError(f'target "{target}": {error}{remedy}')
