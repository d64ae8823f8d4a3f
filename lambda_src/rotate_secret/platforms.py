"""Telling a target's platform what secrets are in force, by way of sync_platform's function."""

import json
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from bridge import aws
from rotate_secret.entry import CURRENT, ON_PLATFORM, Entry
from rotate_secret.errors import PlatformError

# sync_platform may take five minutes, where a platform asks to wait.
ANSWER_SECONDS = 310.0


@dataclass(frozen=True, slots=True)
class Platforms:
    """What runs outside AWS and is told of its secrets.

    Attributes:
        function: the name of sync_platform's.
    """

    function: str

    def keep_in_step(self, target: str, entry: Entry) -> str:
        """Let the platform have what is in force, unless it does already; returns what was done, for people.

        Raises:
            PlatformError: it has not been told.
            SecretError: the entry can't be read or labelled.
        """
        versions = entry.versions()
        current, told = versions.labelled(CURRENT), versions.labelled(ON_PLATFORM)
        if current == told:
            return ""
        self._tell(target)
        # What was told is at least as new as this: at worst it is told once more.
        entry.move(ON_PLATFORM, to=current, away_from=told)
        return "its platform has been told"

    def _tell(self, target: str) -> None:
        client = aws.client("lambda", read_timeout=ANSWER_SECONDS, attempts=1)
        try:
            answer = client.invoke(
                FunctionName=self.function, Payload=json.dumps({"target": target}).encode()
            )
            said = json.loads(answer["Payload"].read())
        except ClientError as error:
            raise _failure(target, error.response["Error"]["Code"]) from None
        except (BotoCoreError, ValueError) as error:
            raise _failure(target, type(error).__name__) from None
        if "FunctionError" in answer:
            raise _failure(target, str(said.get("errorMessage")))


def _failure(target: str, reason: str) -> PlatformError:
    return PlatformError(
        f'the platform of "{target}" could not be told of its signing secrets, and accepts those of before:'
        f" {reason}"
    )
