"""What questions about a scene of eight views mean, as the grammar reads them."""

from __future__ import annotations

from typing import Any

from sightloop.tools.scene_questions import SceneQuestion, parse
from sightloop.tools.scene_viewpoints import Viewpoint

NAMES = [f"view{number}.png" for number in range(1, 9)]
FROM_2, FROM_3 = Viewpoint(view="view2.png"), Viewpoint(view="view3.png")
BOTH = ("red cube", "blue ball")


def meant(question: str) -> dict[str, Any]:
    """What a question means, without what it leaves open and without its text."""
    read = parse(question, NAMES)
    assert read.text == question
    plain = SceneQuestion(read.kind, question)
    every = {name: getattr(read, name) for name in SceneQuestion.__slots__}
    return {name: value for name, value in every.items() if name == "kind" or value != getattr(plain, name)}
