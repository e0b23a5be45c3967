"""Bodies: what a request brings, bounded in size and in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from .failures import Refused

SECONDS = 60.0
"""For a whole body; of one that comes in pieces, for each of them."""

PASSED_OVER = 2**20
"""Bytes of a refused request that are read, though nobody needs them."""
PASSED_OVER_SECONDS = 2.0


class Body:
    """The body of one request.

    Parameters
    ----------
    scope, receive : of ASGI
    most : int
        Bytes.
    in_pieces : bool
        Whether it may take long, as long as something comes.
    """

    def __init__(self, scope: Scope, receive: Receive, most: int, *, in_pieces: bool) -> None:
        headers = Headers(scope=scope)
        self._length = headers.get("content-length", "")
        self._receive, self._most, self._in_pieces = receive, most, in_pieces
        self._until = time.monotonic() + SECONDS
        self._size = 0
        self.complete = not self._length and "transfer-encoding" not in headers
        """Whether all of it has come."""

    def announced(self) -> None:
        """Refuse a body of a length that is too much, before it comes.

        Raises
        ------
        Refused
            With 413.
        """
        if self._length.isdecimal() and int(self._length) > self._most:
            self._size = int(self._length)
            raise self._too_large()

    async def receive(self) -> Message:
        """Receive the next piece, as ASGI does; after the last, whether the client has left.

        Raises
        ------
        Refused
            With 413 if it is too large, with 408 if it does not come.
        """
        if self.complete:
            return await self._receive()
        left = SECONDS if self._in_pieces else self._until - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError:
            raise Refused(408, "the rest of the request did not come in time.", code="timeout") from None
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            raise self._too_large()
        self.complete = not message.get("more_body", False)
        return message

    async def passed_over(self) -> None:
        """Read what is left, if that is little: a client hears why it is refused when it has sent all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PASSED_OVER_SECONDS):
                while not self.complete and self._size <= PASSED_OVER:
                    message = await self._receive()
                    self._size += len(message.get("body", b""))
                    self.complete = not message.get("more_body", False)

    def _too_large(self) -> Refused:
        return Refused(413, f"the request has more than {self._most} bytes.", code="too_large")
