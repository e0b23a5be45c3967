"""The gate: what every request passes before anything of it is read.

It knows who calls, refuses what a browser was tricked into sending, bounds bodies in size and time, keeps
places for those that use the models, and counts. It is plain ASGI, so that nothing is buffered.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .body import Body
from .depends import LOCAL, Server
from .failures import Refused, refused
from .metrics import Metrics
from .settings import MIB, is_loopback

OPEN = re.compile(r"/|/page/[^/]*|/health/(live|ready)|/openapi\.json|/favicon\.ico")
"""Paths that anybody may ask for; the others are for whoever has a key, where the server has any."""

USES_MODELS = re.compile(r"/v1/(chat/completions|embeddings|memories/[^/]+/search)")
"""Paths that take a place of :class:`~.admission.Admission` when something is posted to them."""

UPLOADS = re.compile(r"/v1/memories/[^/]+/(sources|uploads/[^/]+)")
"""Paths that files come in by, which may take long as long as something comes."""

FORM_BYTES = 1 * MIB
"""What a form has around its file at most."""


class Gate:
    """The outermost layer of the server's own.

    Parameters
    ----------
    app : ASGI application
    server : Server
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, server: Server, metrics: Metrics) -> None:
        self._app, self._server, self._metrics = app, server, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        body = self._body(scope, receive)

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("x-request-id", uuid4().hex)
                if not body.complete:  # the rest of it shall not come, only to be thrown away
                    headers["connection"] = "close"
            await send(message)

        try:
            with ExitStack() as stack, self._metrics.running():
                self._admit(scope, body, stack)
                await self._app(scope, body.receive, sent)
        except Exception as error:  # noqa: BLE001 - the last resort: what was not foreseen gets an answer, too
            told = refused(error)
            if status == 0:
                await body.passed_over()
                await told.response()(scope, receive, sent)
        finally:
            self._metrics.answered(scope, status, time.monotonic() - began)

    def _admit(self, scope: Scope, body: Body, stack: ExitStack) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        scope["key_id"] = LOCAL  # a server without keys only listens to this machine
        if not self._server.keys.asked_for:
            self._not_by_trick(headers)
        elif not OPEN.fullmatch(path):
            scope["key_id"] = self._owner(headers)
        body.announced()
        if scope["method"] == "POST" and USES_MODELS.fullmatch(path):
            stack.enter_context(self._server.admission.place())

    def _not_by_trick(self, headers: Headers) -> None:
        """Refuse what a page of another site has a browser send: without keys, nothing else would.

        Such a page is known by its origin; or by the server's name, where its own was made to lead here.
        """
        settings = self._server.settings
        host, origin = headers.get("host", ""), headers.get("origin")
        allowed = {_place(one) for one in settings.origins}
        if not is_loopback(_name(host)) and host not in allowed:
            message = f"this server is called by a name of this machine, as localhost, not as {host!r}."
            raise Refused(403, message, code="wrong_host")
        if origin is not None and _place(origin) not in {host, *allowed}:
            message = f"pages of {origin!r} may not call this server: its operator has to allow them."
            raise Refused(403, message, code="wrong_origin")

    def _owner(self, headers: Headers) -> str:
        """Return the id of the key that is shown."""
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        key = self._server.keys.owner(shown.strip()) if scheme.casefold() == "bearer" else None
        if key is None:
            wrong = "this API key is not known here" if shown else "this server asks for an API key"
            raise Refused(
                401,
                f"{wrong}: send it as 'Authorization: Bearer KEY'.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return key.id

    def _body(self, scope: Scope, receive: Receive) -> Body:
        settings = self._server.settings
        if not UPLOADS.fullmatch(scope["path"]):
            return Body(scope, receive, settings.body_bytes, in_pieces=False)
        whole = scope["method"] == "POST"
        most = settings.upload_bytes + FORM_BYTES if whole else settings.piece_bytes
        return Body(scope, receive, most, in_pieces=True)


def _place(address: str) -> str:
    """Return host and port of an origin."""
    return address.partition("://")[2]


def _name(host: str) -> str:
    """Return a host without its port."""
    bare = re.fullmatch(r"\[(.*)\](:\d+)?|([^:]*)(:\d+)?", host)
    return (bare[1] or bare[3] or "") if bare else ""
