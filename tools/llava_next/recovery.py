"""Recovery: what to do when memory runs out while a model works."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

from ...errors import InsufficientMemoryError

Work = TypeVar("Work")
Result = TypeVar("Result")


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out; torch has three ways to say so, and one type."""
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    # The second is the CPU allocator's.
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def with_less(
    work: Work,
    run: Callable[[Work], Result],
    shrink: Callable[[Work], Work | None],
    what: Callable[[Work], str],
) -> Result:
    """Run, and if memory runs out, run once more with less.

    Parameters
    ----------
    work : what to run on
    run : does it
    shrink : makes a smaller piece of work, None if there is none
    what : says in words what the work takes, for the error

    Raises
    ------
    InsufficientMemoryError
        If there is nothing smaller, or it is still too much; the message names what to shrink.
    """
    try:
        return run(work)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        first = _first_line(error)
    # Past the handler, so that the traceback no longer holds the tensors that filled the memory.
    release()
    smaller = shrink(work)
    if smaller is None:
        raise InsufficientMemoryError(
            f"memory ran out ({first}) over {what(work)}, and there is no plan with fewer. Crop the stills, "
            "give fewer or a shorter text, load the checkpoint with quantization, or use a smaller one."
        )
    try:
        return run(smaller)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        again = _first_line(error)
    release()
    raise InsufficientMemoryError(
        f"memory ran out twice, over {what(work)} and over {what(smaller)} ({again}). Give fewer stills or a "
        "shorter text, load the checkpoint with quantization, or use a smaller one."
    )


def all_or_one_by_one(
    batch: list[Work],
    run: Callable[[list[Work]], list[Result]],
    shrink: Callable[[Work], Work | None],
    what: Callable[[Work], str],
) -> list[Result]:
    """Run a batch, and if memory runs out, its members one by one, which changes no result.

    Raises
    ------
    InsufficientMemoryError
        If it runs out for one member alone, and for the smaller piece of work that is tried instead.
    """
    if len(batch) > 1:
        try:
            return run(batch)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        release()
    return [with_less(one, lambda alone: run([alone])[0], shrink, what) for one in batch]


def release() -> None:
    """Give back what a failed attempt still holds."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
