"""HTTP to hosts that a client named: only to addresses that were looked at, and never without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2

from rtengine.tools.address import AddressRefused, HostRule, choose, host_and_port, rule_for

MOST_BYTES = 4 << 20
"""Of one answer."""


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Connects to the address that was looked at; TLS and the Host header keep the name."""

    def __init__(self, rule: HostRule, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._rule = rule
        self._inner = inner or httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = str(request.url)
        if rule_for(url, (self._rule,)) is None:
            raise AddressRefused(f"The host '{request.url.host}' is not allowed.")
        host, port = host_and_port(urlsplit(url))
        address = await asyncio.to_thread(choose, host, port, self._rule)
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        response = await self._inner.handle_async_request(pinned)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MOST_BYTES:
                raise httpx2.ReadError("the answer is too long")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
