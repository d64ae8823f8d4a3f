"""A request as API Gateway's HTTP API hands it over (payload format 2.0), without its wrapping."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the receiver needs to know of a request.

    Attributes:
        webhook: the last part of the path.
        headers: names in any case; the values of a repeated header joined by commas.
        body: the bytes that were sent.
        source_ip: the address that the request came from.
    """

    webhook: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """Unwrap API Gateway's event.

        Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        """
        # API Gateway leaves out the body of a request that has none.
        body = (event.get("body") or "").encode("utf-8", "surrogatepass")
        return cls(
            webhook=event["pathParameters"]["webhook"],
            headers=event["headers"],
            body=base64.b64decode(body) if event["isBase64Encoded"] else body,
            source_ip=event["requestContext"]["http"]["sourceIp"],
        )
