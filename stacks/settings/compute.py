"""The sections [workers.NAME] and [functions.NAME]."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from stacks.settings import checks
from stacks.settings.section import Section

# A role of Postgres, as tokens name it.
ROLE = r"[a-z_][a-z0-9_]{0,62}"
# A Secrets Manager entry. Each part begins with a letter, so that a construct's id stands for one entry only.
ENTRY = r"(?=.{1,31}$)[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*"
# Entries that Supabase's .env fills, of those that functions may read.
KNOWN_ENTRIES = {"database", "supabase", "supabase-service-role"}
# Settings of a worker that say how its queue is read; the others are of the code that the user wrote.
QUEUE_SETTINGS = {"max_concurrency", "batch_size", "max_attempts"}


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
