"""Every way into the stage from outside."""

from tools.review.entrances import Entrance
from tools.review.page import AnyBlock, Code, Details, Inline, Paragraph, Section
from tools.review.permissions import Statement
from tools.review.review import Review
from tools.review.sections.words import badge, counted, marked, status

_LOOKED_FOR = (
    "Looked for are routes of HTTP APIs with their authorization, custom domains, function URLs, methods of "
    "REST APIs, policies that let anyone in, GraphQL APIs, CloudFront distributions, load balancers that are "
    "not internal, and the services that may invoke functions. Source ranges are checked by the receiver "
    "itself; whether a route is throttled, the stage says."
)


def entrances(review: Review) -> Section:
    """Return the section."""
    before, after = ({each.key: each for each in found} for found in review.entrances)
    rows = [_row(before.get(key), each) for key, each in after.items()]
    rows += [_row(each, None) for key, each in before.items() if key not in after]
    blocks: list[AnyBlock] = [
        marked(["kind", "entrance", "leads to", "who is let in", "from"], rows)
        if rows
        else Paragraph(["There is none."]),
        *_cross_origin(review),
    ]
    services = [each.statement for each in review.rows if each.mark != "removed" and _invokes(each.statement)]
    if services:
        marks = {row.statement: row.mark for row in review.rows}
        table = marked(
            ["service or account", "may invoke", "for"],
            [
                [[badge(marks[each])], [Code(each.who)], [Code(each.on)], [Code(each.conditions)]]
                for each in services
            ],
        )
        title = counted(len(services), "permission").capitalize()
        blocks.append(Details(f"{title} of services to invoke functions", [table]))
    blocks.append(Paragraph([_LOOKED_FOR]))
    return Section("Public entrances", blocks)


def _row(before: Entrance | None, after: Entrance | None) -> list[list[Inline]]:
    shown = after or before
    if shown is None:
        return []
    was = before if before and after else None
    return [
        [badge(status(before, after))],
        [shown.kind],
        [Code(shown.what)],
        _with_former(Code(shown.leads_to), was.leads_to if was else None, shown.leads_to),
        [
            *_with_former(shown.authorization, was.authorization if was else None, shown.authorization),
            *([shown.reason] if shown.reason and shown.open else []),
        ],
        _with_former(shown.sources, was.sources if was else None, shown.sources),
    ]


def _with_former(shown: Inline, before: str | None, after: str) -> list[Inline]:
    return [shown] if before is None or before == after else [shown, f"before: {before}"]


def _cross_origin(review: Review) -> list[AnyBlock]:
    origins = sorted(
        {
            str(origin)
            for _, _, properties in review.head.of_type("AWS::ApiGatewayV2::Api")
            for origin in properties.get("CorsConfiguration", {}).get("AllowOrigins", [])
        }
    )
    said = ", ".join(origins) or "no other origin"
    return [Paragraph(["Pages that may call the API from browsers: ", Code(said) if origins else said, "."])]


def _invokes(statement: Statement) -> bool:
    return bool(statement.on) and any(action.startswith("lambda:Invoke") for action in statement.actions)
