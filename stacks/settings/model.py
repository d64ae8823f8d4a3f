"""What bridge.toml may hold: frozen types, each field with the values it allows.

A field's description ends the sentence "allowed: ..." of the error for a wrong value.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stacks.settings import checks
from stacks.settings.section import Section
from stacks.settings.sql_names import parse_table
from stacks.settings.targets import Target

Operation = Literal["insert", "update", "delete"]


# A role of Postgres, as tokens name it.
ROLE = r"[a-z_][a-z0-9_]{0,62}"


# A Secrets Manager entry. Each part begins with a letter, so that a construct's id stands for one entry only.
ENTRY = r"(?=.{1,31}$)[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*"


# Entries that Supabase's .env fills, of those that functions may read.
KNOWN_ENTRIES = {"database", "supabase", "supabase-service-role"}


# Settings of a worker that say how its queue is read; the others are of the code that the user wrote.
QUEUE_SETTINGS = {"max_concurrency", "batch_size", "max_attempts"}


class Webhook(Section):
    """Which changes of one table are sent, and where to."""

    name: Annotated[str, checks.matches(r"[a-z][a-z0-9_.-]{0,44}"), checks.checked(checks.not_reserved)] = (
        Field(description="a lower-case letter, then at most 44 lower-case letters, digits, '_', '.' or '-'")
    )
    table: Annotated[str, checks.checked(parse_table)] = Field(
        description="schema.table as SQL writes it, for example public.orders or 'public.\"Order Items\"'"
    )
    operations: Annotated[
        tuple[Operation, ...], AfterValidator(checks.not_empty), AfterValidator(checks.no_duplicates)
    ] = Field(description='a list of one or more of "insert", "update", "delete"')
    columns: (
        Annotated[
            tuple[Annotated[str, checks.checked(checks.column)], ...],
            AfterValidator(checks.not_empty),
            AfterValidator(checks.no_duplicates),
        ]
        | None
    ) = Field(
        default=None, description="a list of column names without quotes; left out, every column is sent"
    )
    when: Annotated[str, checks.checked(checks.not_blank)] | None = Field(
        default=None, description="a SQL condition over new and old; left out, every row is sent"
    )
    enabled: bool = Field(default=True, description="true or false")
    ordered: bool = Field(default=False, description="true or false")
    max_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="1 to 100000000 (events delivered in a minute); left out, no limit",
    )
    target: Annotated[
        tuple[str, ...],
        BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
        AfterValidator(checks.not_empty),
        AfterValidator(checks.no_duplicates),
    ] = Field(
        description="the name of a folder in lambda_src/workers or of a [[targets]] entry, "
        "or a list of such names"
    )

    @property
    def targets(self) -> tuple[str, ...]:
        """All of them, whether the file has a name or a list."""
        return self.target


class Compute(Section):
    """What workers and HTTP functions have in common: size, start, and the secrets that they read."""

    memory: int = Field(default=512, ge=128, le=10240, description="128 to 10240 (MiB)")
    secrets: Annotated[
        tuple[
            Annotated[str, checks.matches(ENTRY), checks.checked(checks.not_the_bridges)],
            ...,
        ],
        AfterValidator(checks.no_duplicates),
    ] = Field(
        default=(),
        description='a list of "database", "supabase", "supabase-service-role", and of entries of your own: '
        "at most 31 lower-case letters, digits and single '-', a letter after each",
    )
    provisioned_concurrency: int = Field(
        default=0, ge=0, le=1000, description="0 to 1000 (instances that are kept started)"
    )

    @model_validator(mode="after")
    def _one_way_to_start(self) -> Self:
        if getattr(self, "snap_start", False) and self.provisioned_concurrency:
            raise ValueError(
                "provisioned_concurrency and snap_start exclude each other; set snap_start = false"
            )
        return self

    @model_validator(mode="after")
    def _no_more_than_may_run(self) -> Self:
        most = getattr(self, "max_concurrency", 0)
        if most and self.provisioned_concurrency > most:
            raise ValueError(
                f"provisioned_concurrency = {self.provisioned_concurrency} is more than "
                f"max_concurrency = {most}"
            )
        return self


class Worker(Compute):
    """Size and pace of one worker; it always reads "database"."""

    timeout: int = Field(default=60, ge=1, le=900, description="1 to 900 (seconds)")
    snap_start: bool = Field(default=False, description="true or false")
    max_concurrency: Annotated[int, AfterValidator(checks.not_one)] = Field(
        default=5,
        ge=0,
        le=1000,
        description="2 to 1000 (instances at a time); 0: all that the account has",
    )
    batch_size: int = Field(default=10, ge=1, le=10, description="1 to 10 (events)")
    max_attempts: int = Field(
        default=5, ge=1, le=1000, description="1 to 1000 (receives before the dead-letter queue)"
    )


class Function(Compute):
    """One HTTP function: its routes, and who may call them."""

    routes: Annotated[
        dict[Annotated[str, checks.checked(checks.route)], tuple[Annotated[str, checks.matches(ROLE)], ...]],
        AfterValidator(checks.not_empty),
    ] = Field(
        description="a table of routes with the roles that each takes, for example "
        '{ "GET /orders" = ["authenticated"] }; [] lets anyone in'
    )
    timeout: int = Field(default=25, ge=1, le=29, description="1 to 29 (seconds; API Gateway waits for 30)")
    snap_start: bool = Field(default=True, description="true or false")
    max_concurrency: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="0 to 1000 (instances at a time; 0: all that the account has)",
    )


class Stage(Section):
    """Where a stage is deployed, and how careful it is."""

    account: Annotated[str, checks.matches(r"\d{12}")] | None = Field(
        default=None, description="an AWS account's 12 digits, in quotes"
    )
    region: Annotated[str, checks.matches(r"[a-z]{2}(-[a-z]+)+-\d")] | None = Field(
        default=None, description="an AWS region, for example eu-central-1"
    )
    webhook_url: Annotated[str, checks.checked(checks.web_address)] | None = Field(
        default=None,
        description="the https address that the database posts to, without '/' at its end; "
        "{api_id} stands for the API's id",
    )
    domain_name: Annotated[str, checks.matches(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")] | None = (
        Field(default=None, description="a domain name in lower case, for example hooks.example.com")
    )
    certificate_arn: (
        Annotated[str, checks.matches(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/.+")] | None
    ) = Field(default=None, description="the ARN of an ACM certificate in the stage's region")
    allowed_source_ranges: Annotated[
        tuple[Annotated[str, checks.checked(checks.address_range)], ...], AfterValidator(checks.no_duplicates)
    ] = Field(
        default=(), description="a list of CIDR ranges, for example 203.0.113.0/24; empty, every source is"
    )
    target_urls: dict[str, Annotated[str, checks.checked(checks.target_address)]] = Field(
        default_factory=dict,
        description="a table of targets and their addresses in this stage, "
        'for example { edge_worker = "https://hooks.example.com/{webhook}" }',
    )
    allowed_target_ranges: Annotated[
        tuple[Annotated[str, checks.checked(checks.address_range)], ...], AfterValidator(checks.no_duplicates)
    ] = Field(
        default=(),
        description="a list of CIDR ranges that targets may be in besides public addresses, "
        "for example 10.1.0.0/16",
    )
    cors_origins: Annotated[
        tuple[Annotated[str, checks.checked(checks.origin)], ...], AfterValidator(checks.no_duplicates)
    ] = Field(
        default=(),
        description="a list of origins whose pages may call the functions, for example "
        'https://app.example.com, or "*"; empty, none is',
    )
    token_issuers: Annotated[
        tuple[Annotated[str, checks.checked(checks.not_blank)], ...], AfterValidator(checks.no_duplicates)
    ] = Field(default=(), description="a list of values of iss; empty, Supabase's url and that with /auth/v1")
    token_audience: Annotated[str, checks.checked(checks.not_blank)] = Field(
        default="authenticated", description="the value of aud in users' tokens"
    )
    token_cache: int = Field(
        default=60, ge=0, le=3600, description="0 to 3600 (seconds that API Gateway keeps a verdict)"
    )
    jwks_url: Annotated[str, checks.checked(checks.https)] | None = Field(
        default=None,
        description="an https address; left out, the one of Supabase's Auth",
    )
    pool_clients: int = Field(
        default=100, ge=1, le=100000, description="1 to 100000 (connections that the pooler accepts)"
    )
    subnets: Annotated[
        tuple[Annotated[str, checks.matches(r"subnet-[0-9a-f]{8,17}")], ...],
        AfterValidator(checks.no_duplicates),
    ] = Field(default=(), description="a list of subnet ids, such as subnet-0123456789abcdef0")
    security_groups: Annotated[
        tuple[Annotated[str, checks.matches(r"sg-[0-9a-f]{8,17}")], ...], AfterValidator(checks.no_duplicates)
    ] = Field(default=(), description="a list of security group ids, such as sg-0123456789abcdef0")
    throttle_rate: int = Field(default=500, ge=1, le=10000, description="1 to 10000 (requests a second)")
    throttle_burst: int = Field(default=1000, ge=1, le=5000, description="1 to 5000 (requests)")
    receiver_concurrency: int = Field(
        default=0, ge=0, le=1000, description="0 to 1000 (instances at a time; 0: what the account has)"
    )
    database_tls: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        default="verify-full", description='"disable", "require", "verify-ca" or "verify-full"'
    )
    ping: Literal["required", "warn"] = Field(default="required", description='"required" or "warn"')
    fast_path_grace: int = Field(default=30, ge=1, le=3600, description="1 to 3600 (seconds)")
    pause_after: int = Field(
        default=24, ge=1, le=72, description="1 to 72 (hours that a target fails before it is paused)"
    )
    retention: int = Field(default=7, ge=1, le=365, description="1 to 365 (days)")
    log_retention: Annotated[int, AfterValidator(checks.log_retention)] = Field(
        default=30,
        description=f"one of CloudWatch's ({', '.join(map(str, checks.LOG_RETENTIONS))} days)",
    )
    rotation_days: int = Field(
        default=30, ge=0, le=1000, description="0 to 1000 (days between rotations; 0: none by itself)"
    )
    rotation_overlap: int = Field(
        default=24, ge=1, le=168, description="1 to 168 (hours that a previous secret stays valid)"
    )
    backlog_alarm: int = Field(
        default=100_000, ge=1, le=1_000_000_000, description="1 to 1000000000 (messages in the outbox)"
    )
    age_alarm: int = Field(default=900, ge=60, le=604_800, description="60 to 604800 (seconds)")
    alarm_email: Annotated[str, checks.matches(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")] | None = Field(
        default=None, description="one e-mail address, for example oncall@example.com"
    )
    removal: Literal["retain", "destroy"] = Field(default="retain", description='"retain" or "destroy"')
    layer_platform: Literal["aws", "local"] = Field(default="aws", description='"aws" or "local"')
    adopt: Annotated[str, checks.checked(checks.not_blank)] | None = Field(
        default=None, description="the owner that the refused deployment named"
    )

    @model_validator(mode="after")
    def _custom_domain_is_whole(self) -> Self:
        if (self.domain_name is None) != (self.certificate_arn is None):
            given, missing = ("domain_name", "certificate_arn")[:: 1 if self.domain_name else -1]
            raise ValueError(f"{given} is given without {missing}; a custom domain needs both")
        return self

    @model_validator(mode="after")
    def _network_is_whole(self) -> Self:
        if bool(self.subnets) != bool(self.security_groups):
            given, missing = ("subnets", "security_groups")[:: 1 if self.subnets else -1]
            raise ValueError(f"{given} is given without {missing}; functions in a VPC need both")
        return self

    @model_validator(mode="after")
    def _overlap_ends_before_the_next_rotation(self) -> Self:
        if self.rotation_days and self.rotation_overlap >= self.rotation_days * 24:
            raise ValueError(
                f"rotation_overlap = {self.rotation_overlap} (hours) must be shorter than "
                f"rotation_days = {self.rotation_days}"
            )
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
    functions: dict[str, Function]
    targets: tuple[Target, ...]

    @property
    def ordered_targets(self) -> frozenset[str]:
        """Those that get everything in its order, as one of their webhooks declares it."""
        return frozenset(target for webhook in self.webhooks if webhook.ordered for target in webhook.targets)

    @property
    def own_entries(self) -> list[str]:
        """Secrets Manager entries that functions and workers name and the bridge doesn't know, sorted."""
        computes: list[Compute] = [*self.functions.values(), *self.workers.values()]
        return sorted({entry for compute in computes for entry in compute.secrets} - KNOWN_ENTRIES)

    @property
    def platforms(self) -> list[str]:
        """Outside platforms that secrets are written to, each with an entry for its token, sorted."""
        return sorted({platform for target in self.targets if (platform := target.platform)})
