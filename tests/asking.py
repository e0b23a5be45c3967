"""For tests of the server's chats: pictures as messages show them, and what is asked about them."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image, ImageDraw

CHAT = "/v1/chat/completions"


def scene(colour: str = "red") -> Image.Image:
    """A circle left and a blue square right, on white."""
    image = Image.new("RGB", (192, 128), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 30, 90, 100), fill=colour)
    draw.rectangle((110, 30, 180, 100), fill=(30, 60, 220))
    return image


def bytes_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def shown(image: Image.Image) -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(bytes_of(image)).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def asks(question: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": question}, *parts]}


def chat(*messages: dict[str, Any], model: str = "pocket", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(messages), **more}


CIRCLE = asks("What color is the circle?", shown(scene()))

TOOL = {
    "type": "function",
    "function": {
        "name": "paint",
        "description": "Paint the circle in a color.",
        "parameters": {
            "type": "object",
            "properties": {"color": {"enum": ["red", "green", "blue"]}},
            "required": ["color"],
            "additionalProperties": False,
        },
    },
}
