"""Uploads: files come in by pieces that can be gone on with, or in one request.

As in the tus protocol, a piece says where it begins, and what has come of it is kept when its connection
breaks. A piece is acknowledged when it is on the disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Header, Request, Response, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ...errors import StorageError
from .catalogue import NotKeptError, SourceRow, UploadRow
from .depends import TheCaller
from .disk import synced
from .failures import Refused
from .intake import drop_abandoned, drop_upload, take_in, upload_path
from .shapes import Deleted, NewUpload, Source, Upload
from .tenants import Tenant

router = APIRouter(prefix="/v1/memories/{memory}", tags=["memories"])

WRITTEN = 2**20
"""Bytes that are written at once."""
ACKNOWLEDGED = 16 * 2**20
"""Bytes after which a piece is put on the disk for good while more of it is coming."""
SPARE = 256 * 2**20
"""Bytes of the disk that uploads leave free: what they hold must be indexed, too."""

_RAW = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, lt=2**53)]


@router.post("/uploads", status_code=201)
def begin(caller: TheCaller, memory: str, new: NewUpload, response: Response) -> Upload:
    """Announce a file; its bytes follow in pieces."""
    tenant = caller.tenant
    row = _announced(tenant, memory, new.name, new.size)
    response.headers["Location"] = f"/v1/memories/{memory}/uploads/{row.id}"
    response.headers["Upload-Offset"] = "0"
    return Upload.of(row)


@router.head("/uploads/{upload}")
def offset(caller: TheCaller, memory: str, upload: str) -> Response:
    """Tell by headers how much of a file is kept."""
    told = _told(caller.tenant, memory, upload)
    return Response(headers=_headers(told))


@router.get("/uploads/{upload}")
def upload(caller: TheCaller, memory: str, upload: str, response: Response) -> Upload:
    """Tell how much of a file is kept; once it is whole, of its source."""
    told = _told(caller.tenant, memory, upload)
    response.headers.update(_headers(told))
    return told


@router.delete("/uploads/{upload}")
def give_up(caller: TheCaller, memory: str, upload: str) -> Deleted:
    """Give up an upload."""
    row = _upload(caller.tenant, memory, upload)
    with caller.tenant.claimed(upload):
        drop_upload(caller.tenant, row)
    return Deleted(id=upload, object="upload.deleted")


@router.patch("/uploads/{upload}", openapi_extra=_RAW)
async def go_on(
    request: Request, caller: TheCaller, memory: str, upload: str, offset: Offset, response: Response
) -> Upload:
    """Send the next piece of a file, from ``Upload-Offset`` on; the last one makes it a source."""
    tenant = caller.tenant
    with tenant.claimed(upload):
        told = await run_in_threadpool(_told, tenant, memory, upload)
        if told.offset != offset:
            raise Refused(
                409,
                f"the piece begins at {offset}, but {told.offset} bytes are kept: go on from there.",
                code="wrong_offset",
                headers=_headers(told),
            )
        if told.source is None:
            row = await run_in_threadpool(_upload, tenant, memory, upload)
            row = await _received(request, tenant, row)
            told = Upload.of(row)
            if row.offset == row.size:
                told = Upload.whole(tenant, await run_in_threadpool(take_in, tenant, row))
    response.headers.update(_headers(told))
    return told


@router.post("/sources", status_code=201)
def add(caller: TheCaller, memory: str, file: UploadFile) -> Source:
    """Send a file in one request."""
    tenant = caller.tenant
    row = _announced(tenant, memory, file.filename or "file", file.size or 0)
    with tenant.claimed(row.id):
        try:
            with _opened(tenant, row) as target:
                shutil.copyfileobj(file.file, target, WRITTEN)
                _keep(tenant, row, target)
        except StorageError:
            drop_upload(tenant, row)
            raise
        return Source.of(tenant, take_in(tenant, row))


async def _received(request: Request, tenant: Tenant, row: UploadRow) -> UploadRow:
    """Write what comes, and return the upload as it is then; what came before it broke off is kept."""
    waiting, kept = bytearray(), row.offset
    with _opened(tenant, row) as file:
        try:
            async for piece in request.stream():
                if file.tell() + len(waiting) + len(piece) > row.size:
                    raise Refused(
                        413, f"more than the {row.size} bytes that were announced.", code="too_large"
                    )
                waiting += piece
                if len(waiting) >= WRITTEN:
                    await run_in_threadpool(file.write, waiting)
                    waiting = bytearray()
                if file.tell() - kept >= ACKNOWLEDGED:
                    kept = await run_in_threadpool(_keep, tenant, row, file)
        except ClientDisconnect:
            pass  # nobody reads the answer, but the next request goes on from here
        finally:
            await run_in_threadpool(file.write, waiting)
            kept = await run_in_threadpool(_keep, tenant, row, file)
    return row._replace(offset=kept)


def _announced(tenant: Tenant, memory: str, name: str, size: int) -> UploadRow:
    """Begin an upload, if there is room for it."""
    tenant.known(memory)
    settings = tenant.settings
    if size > settings.upload_bytes:
        raise Refused(
            413,
            f"{name} has {size} bytes; the most that is taken are {settings.upload_bytes}.",
            code="too_large",
        )
    if size < 1:
        raise Refused(400, f"{name} is empty.", code="empty", param="file")
    drop_abandoned(tenant)
    kept = tenant.catalogue.bytes()
    if kept + size > settings.kept_bytes:
        raise Refused(
            507,
            f"{kept} of {settings.kept_bytes} bytes are used: delete files first.",
            code="quota_exceeded",
        )
    if shutil.disk_usage(tenant.folder).free < size + SPARE:
        raise Refused(507, "the server's disk is nearly full.", code="disk_full")
    return tenant.catalogue.put_upload(memory, name, size)


def _upload(tenant: Tenant, memory: str, id: str) -> UploadRow:
    tenant.known(memory)
    row = tenant.catalogue.upload(id)
    if row is None or row.memory != memory:
        raise NotKeptError(f"there is no upload {id!r} to the memory {memory!r}.", input=id)
    return row


def _told(tenant: Tenant, memory: str, id: str) -> Upload:
    """Tell of an upload, or of the source that it has become."""
    source: SourceRow | None = tenant.catalogue.source(id)
    if source is not None and source.memory == memory:
        return Upload.whole(tenant, source)
    return Upload.of(_upload(tenant, memory, id))


def _headers(told: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(told.offset), "Upload-Length": str(told.size), "Cache-Control": "no-store"}


@contextmanager
def _opened(tenant: Tenant, row: UploadRow) -> Iterator[BinaryIO]:
    """Open the file of an upload where its next byte goes; what was never acknowledged is written over."""
    path: Path = upload_path(tenant, row)
    try:
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(row.offset)
            file.seek(row.offset)
            yield file
    except OSError as error:
        raise StorageError(
            f"the upload {row.id} cannot be written: {error.strerror}.", input=row.id
        ) from error


def _keep(tenant: Tenant, row: UploadRow, file: BinaryIO) -> int:
    """Put what was written on the disk for good, and return how much that is."""
    file.flush()
    os.fsync(file.fileno())
    if not row.offset:
        synced(upload_path(tenant, row).parent)
    kept = file.tell()
    tenant.catalogue.received(row.id, kept)
    return kept
