"""A section [stages.NAME]."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stacks.settings import checks
from stacks.settings.section import Section


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
        'for example { crm = "https://hooks.example.com/{webhook}" }',
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
    termination_protection: bool = Field(default=False, description="true or false")
    permissions_boundary: (
        Annotated[str, checks.matches(r"arn:aws[a-z-]*:iam::\d{12}:policy/[\w+=,.@/-]+")] | None
    ) = Field(
        default=None,
        description="the ARN of an IAM policy, for example arn:aws:iam::123456789012:policy/boundary",
    )
    kms_key_arn: Annotated[str, checks.matches(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+")] | None = (
        Field(
            default=None, description="the ARN of a symmetric KMS key in the stage's region, not of an alias"
        )
    )
    tags: dict[
        Annotated[str, checks.checked(checks.tag_key)], Annotated[str, checks.checked(checks.tag_value)]
    ] = Field(
        default_factory=dict,
        description='a table of names and values, for example { team = "shop" }: at most 128 and 256 '
        "letters, digits, spaces and + - = . _ : / @",
    )
    deploy_from: Annotated[
        tuple[
            Annotated[
                str, checks.matches(r"[A-Za-z0-9_][A-Za-z0-9_./-]*"), checks.checked(checks.branch_alone)
            ],
            ...,
        ],
        AfterValidator(checks.not_empty),
        AfterValidator(checks.no_duplicates),
    ] = Field(
        default=("main",), description='a list of branches that GitHub deploys from, for example ["main"]'
    )
    deploy_on_merge: bool = Field(
        default=False, description="true, so that each push to main is deployed once it is tested, or false"
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
    def _key_is_where_the_stage_is(self) -> Self:
        of_key = (self.kms_key_arn or "").split(":")
        if self.region and self.kms_key_arn and of_key[3] != self.region:
            raise ValueError(
                f"kms_key_arn is of a key in {of_key[3]}, and the stage is in {self.region}: "
                "AWS uses keys of the same region only"
            )
        return self

    @model_validator(mode="after")
    def _merges_are_deployed_from_main(self) -> Self:
        if self.deploy_on_merge and "main" not in self.deploy_from:
            raise ValueError(
                'deploy_on_merge = true deploys pushes to main, which deploy_from lacks; add "main" to it'
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
