"""What bridge.toml may hold: frozen types, each field with the values it allows.

A field's description ends the sentence "allowed: ..." of the error for a wrong value.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from stacks.settings.sql_names import check_length, parse_table

Operation = Literal["insert", "update", "delete"]

# AWS::Logs::LogGroup, RetentionInDays
LOG_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
LONG_LOG_RETENTIONS = (1096, 1827, 2192, 2557, 2922, 3288, 3653)


class Section(BaseModel):
    """A section of the file: nothing is converted, nothing unknown accepted, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _checked(check: Callable[[str], object]) -> AfterValidator:
    def run(text: str) -> str:
        check(text)
        return text

    return AfterValidator(run)


def _matches(pattern: str) -> AfterValidator:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError

    return _checked(check)


def _not_reserved(name: str) -> None:
    if name.startswith("bridge."):
        raise ValueError('names that start with "bridge." belong to the bridge itself')


def _not_blank(text: str) -> None:
    if not text.strip():
        raise ValueError


def _column(name: str) -> None:
    if not name or "\0" in name:
        raise ValueError
    check_length(name)


def _not_empty(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError
    return values


def _no_duplicates(values: tuple[str, ...]) -> tuple[str, ...]:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"{', '.join(map(repr, twice))} is listed twice")
    return values


def _web_address(url: str) -> None:
    parts = urlsplit(url.replace("{api_id}", "api-id"))
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    if url.endswith("/") or "/webhooks" in parts.path:
        raise ValueError("leave out what follows the address: '/webhooks/…' is added to it")
    if re.search(r"[{}\s]", url.replace("{api_id}", "")):
        raise ValueError("the only placeholder is {api_id}")


def _address_range(text: str) -> None:
    # Its own message says what is wrong, host bits that are set included.
    ipaddress.ip_network(text)


def _log_retention(days: int) -> int:
    if days not in LOG_RETENTIONS + LONG_LOG_RETENTIONS:
        raise ValueError
    return days


class Webhook(Section):
    """Which changes of one table are sent, and where to."""

    name: Annotated[str, _matches(r"[a-z][a-z0-9_.-]{0,44}"), _checked(_not_reserved)] = Field(
        description="a lower-case letter, then at most 44 lower-case letters, digits, '_', '.' or '-'"
    )
    table: Annotated[str, _checked(parse_table)] = Field(
        description="schema.table as SQL writes it, for example public.orders or 'public.\"Order Items\"'"
    )
    operations: Annotated[
        tuple[Operation, ...], AfterValidator(_not_empty), AfterValidator(_no_duplicates)
    ] = Field(description='a list of one or more of "insert", "update", "delete"')
    columns: (
        Annotated[
            tuple[Annotated[str, _checked(_column)], ...],
            AfterValidator(_not_empty),
            AfterValidator(_no_duplicates),
        ]
        | None
    ) = Field(
        default=None, description="a list of column names without quotes; left out, every column is sent"
    )
    when: Annotated[str, _checked(_not_blank)] | None = Field(
        default=None, description="a SQL condition over new and old; left out, every row is sent"
    )
    enabled: bool = Field(default=True, description="true or false")
    target: str = Field(description="the name of a folder in lambda_src/workers")


class Worker(Section):
    """Size and pace of one worker."""

    memory: int = Field(default=512, ge=128, le=10240, description="128 to 10240 (MiB)")
    timeout: int = Field(default=60, ge=1, le=900, description="1 to 900 (seconds)")
    max_concurrency: int = Field(default=5, ge=2, le=1000, description="2 to 1000 (functions at a time)")
    batch_size: int = Field(default=10, ge=1, le=10, description="1 to 10 (events)")
    max_attempts: int = Field(
        default=5, ge=1, le=1000, description="1 to 1000 (receives before the dead-letter queue)"
    )


class Stage(Section):
    """Where a stage is deployed, and how careful it is."""

    account: Annotated[str, _matches(r"\d{12}")] | None = Field(
        default=None, description="an AWS account's 12 digits, in quotes"
    )
    region: Annotated[str, _matches(r"[a-z]{2}(-[a-z]+)+-\d")] | None = Field(
        default=None, description="an AWS region, for example eu-central-1"
    )
    webhook_url: Annotated[str, _checked(_web_address)] | None = Field(
        default=None,
        description="the https address that the database posts to, without '/' at its end; "
        "{api_id} stands for the API's id",
    )
    domain_name: Annotated[str, _matches(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")] | None = Field(
        default=None, description="a domain name in lower case, for example hooks.example.com"
    )
    certificate_arn: (
        Annotated[str, _matches(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/.+")] | None
    ) = Field(default=None, description="the ARN of an ACM certificate in the stage's region")
    allowed_source_ranges: Annotated[
        tuple[Annotated[str, _checked(_address_range)], ...], AfterValidator(_no_duplicates)
    ] = Field(
        default=(), description="a list of CIDR ranges, for example 203.0.113.0/24; empty, every source is"
    )
    throttle_rate: int = Field(default=500, ge=1, le=10000, description="1 to 10000 (requests a second)")
    throttle_burst: int = Field(default=1000, ge=1, le=5000, description="1 to 5000 (requests)")
    database_tls: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        default="verify-full", description='"disable", "require", "verify-ca" or "verify-full"'
    )
    ping: Literal["required", "warn"] = Field(default="required", description='"required" or "warn"')
    fast_path_grace: int = Field(default=30, ge=1, le=3600, description="1 to 3600 (seconds)")
    retention: int = Field(default=7, ge=1, le=365, description="1 to 365 (days)")
    log_retention: Annotated[int, AfterValidator(_log_retention)] = Field(
        default=30,
        description=f"one of CloudWatch's ({', '.join(map(str, LOG_RETENTIONS + LONG_LOG_RETENTIONS))} days)",
    )
    removal: Literal["retain", "destroy"] = Field(default="retain", description='"retain" or "destroy"')
    layer_platform: Literal["aws", "local"] = Field(default="aws", description='"aws" or "local"')
    adopt: Annotated[str, _checked(_not_blank)] | None = Field(
        default=None, description="the owner that the refused deployment named"
    )

    @model_validator(mode="after")
    def _custom_domain_is_whole(self) -> Self:
        if (self.domain_name is None) != (self.certificate_arn is None):
            given, missing = ("domain_name", "certificate_arn")[:: 1 if self.domain_name else -1]
            raise ValueError(f"{given} is given without {missing}; a custom domain needs both")
        return self

    @model_validator(mode="after")
    def _plain_http_stays_on_this_machine(self) -> Self:
        if (self.webhook_url or "").startswith("http:") and self.layer_platform != "local":
            raise ValueError(
                f'webhook_url = "{self.webhook_url}" would send rows unencrypted; use https '
                '(http is for stages with layer_platform = "local")'
            )
        return self


class Settings(Section):
    """One stage of one bridge.toml, checked."""

    stage: str
    environment: Stage
    webhooks: tuple[Webhook, ...]
    workers: dict[str, Worker]
