"""Reading a request's body, and no more of it than there may be."""

from http import HTTPStatus

from starlette.requests import Request

from vercel_app.errors import HttpError


async def read(request: Request, limit: int) -> bytes:
    """Read a body.

    Args:
        request: whose.
        limit: in bytes.

    Raises:
        HttpError: 413, it is larger.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> HttpError:
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body may hold {limit} bytes")
