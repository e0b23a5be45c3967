"""Content: compare pictures of different scenes by what the eyes say they show."""

from __future__ import annotations

from .small_looks import LIST, SmallLooks, names

MOST_THINGS = 12
"""Things of a list that are looked for on the other still."""
Things = tuple[str, ...]


def by_content(looks: SmallLooks) -> tuple[Things, Things, Things]:
    """List the objects of two stills, and look for each on the other.

    Parameters
    ----------
    looks : SmallLooks
        Of the two stills.

    Returns
    -------
    shared, only_before, only_after : tuple of str
    """
    parts = looks.ask([(0, LIST), (1, LIST)])
    listed = [list(dict.fromkeys(names(part.answer)))[:MOST_THINGS] for part in parts]
    things = list(dict.fromkeys([*listed[0], *listed[1]]))
    # What one list names and the other does not may have been overlooked there: the eyes are asked for it.
    asked = [thing for thing in things if not (thing in listed[0] and thing in listed[1])]
    found = dict(zip(asked, looks.there(asked), strict=True)) if asked else {}
    on = [{thing for thing in things if thing in listed[side] or found[thing][side] > 0.5} for side in (0, 1)]
    return (
        tuple(thing for thing in things if thing in on[0] and thing in on[1]),
        tuple(thing for thing in things if thing in on[0] and thing not in on[1]),
        tuple(thing for thing in things if thing in on[1] and thing not in on[0]),
    )
