"""Asking Supabase over HTTP."""

import asyncio
from collections.abc import Mapping

import httpx

from vercel_app.errors import SlowError, UnavailableError

# A server has closed the connection that was kept, which an instance that was frozen learns by using it.
_LOST = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


async def get(
    http: httpx.AsyncClient,
    url: str,
    *,
    seconds: float,
    headers: Mapping[str, str],
    parameters: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Ask for something; once more if the connection that was kept is found lost.

    Args:
        http: asks.
        url: what for.
        seconds: that all of it may take.
        headers: to send.
        parameters: of the query.

    Raises:
        SlowError: there was no answer in time.
        UnavailableError: there was none.
    """
    request = http.build_request("GET", url, params=parameters, headers=headers)
    try:
        async with asyncio.timeout(seconds):
            try:
                return await http.send(request)
            except _LOST:
                return await http.send(request)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise SlowError("Supabase did not answer in time") from error
    except httpx.HTTPError as error:
        raise UnavailableError("Supabase is out of reach") from error
