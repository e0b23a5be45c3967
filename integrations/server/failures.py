"""Failures: every error leaves the server in the shape that OpenAI's clients read.

``{"error": {"message", "type", "param", "code"}}``: what a client did wrong is told in words, what went wrong
in here is told to the log only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ...errors import (
    BrainError,
    CheckpointError,
    CheckpointUnavailableError,
    ContextOverflowError,
    InputError,
    InsufficientMemoryError,
    MemoryLockedError,
    MemoryModelError,
    MissingExtraError,
    SightloopError,
    StorageError,
    UnknownCheckpointError,
)
from .catalogue import NotKeptError

logger = logging.getLogger("sightloop.server")

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
"""What a status is called; other ones of the client's are ``invalid_request_error``."""

_STATUS: tuple[tuple[type[SightloopError], int, str], ...] = (
    (NotKeptError, 404, "not_found"),
    (UnknownCheckpointError, 404, "model_not_found"),
    (ContextOverflowError, 400, "context_length_exceeded"),
    (InsufficientMemoryError, 503, "insufficient_memory"),
    (MissingExtraError, 501, "not_installed"),
    (CheckpointUnavailableError, 503, "model_unavailable"),
    (CheckpointError, 503, "model_unavailable"),
    (StorageError, 503, "storage_error"),
    (MemoryLockedError, 503, "memory_locked"),
    (MemoryModelError, 409, "memory_of_another_model"),
    (BrainError, 502, "model_failed"),
    (InputError, 400, "invalid_input"),
    (SightloopError, 503, "unavailable"),
)
"""How errors of the package are told; the first that fits counts."""

PARAMS = frozenset({"messages", "tools", "tool_choice", "response_format", "stop", "input"})
"""Fields of requests that errors of the package name as their input."""

_NOWHERE = {
    404: "there is nothing at this address; GET /openapi.json lists what there is.",
    405: "this address does not take this method; GET /openapi.json lists what there is.",
}
"""What is said of requests that no route takes."""

UNFORESEEN = "the server failed at this request; it is in its log, and others are not affected."


class Json(JSONResponse):
    """An answer in ASCII: what a client wrote may come back in it, and need not be proper Unicode."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of a value."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ErrorDetail(BaseModel):
    """What was wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail


class Refused(HTTPException):
    """A request that gets an error instead of an answer.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
        What was wrong, and what to do.
    code : str, optional
        A short name of it, for programs.
    param : str, optional
        The field of the request that caused it.
    headers : mapping, optional
        To send along, as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.param = param

    def to_json(self) -> dict[str, dict[str, str | None]]:
        """Return the error as OpenAI's clients read it."""
        other = "invalid_request_error" if self.status_code < 500 else "server_error"
        kind = _TYPES.get(self.status_code, other)
        return {"error": {"message": self.detail, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """Return the whole answer."""
        return Json(self.to_json(), self.status_code, self.headers)


def refused(error: Exception) -> Refused:
    """Say how any error is told to a client; what is no error of the client's is logged here."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, SightloopError):
        status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
        return Refused(status, error.message, code=code, param=error.input if error.input in PARAMS else None)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        message = _NOWHERE.get(error.status_code, str(error.detail))
        return Refused(error.status_code, message, headers=error.headers)
    logger.error("unforeseen: %s", type(error).__name__, exc_info=error)
    return Refused(500, UNFORESEEN, code="internal_error")


def _invalid(error: RequestValidationError) -> Refused:
    """Tell of the first field that is wrong, by its path in the request."""
    first: Mapping[str, Any] = error.errors()[0]
    where, *path = first["loc"]
    if first["type"] == "json_invalid":
        at, why = path[0], first["ctx"]["error"]
        return Refused(400, f"the request's body is not JSON, from character {at} on: {why}.")
    param = ".".join(map(str, path)) or None
    named = f"{param}: " if param else ""
    return Refused(400, f"the request's {where} is not valid: {named}{first['msg']}.", param=param)


def install(app: FastAPI) -> None:
    """Have an app tell its errors this way; what is unforeseen is the gate's matter."""

    def tell(_: Request, error: Exception) -> JSONResponse:
        return refused(error).response()

    for kind in (SightloopError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, tell)
