"""A section [[webhooks]]."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stacks.settings import checks
from stacks.settings.section import Section
from stacks.settings.sql_names import parse_table

Operation = Literal["insert", "update", "delete"]


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
    ] = Field(description="the name of a worker's folder or of a [[targets]] entry, or a list of such names")

    @property
    def targets(self) -> tuple[str, ...]:
        """All of them, whether the file has a name or a list."""
        return self.target
