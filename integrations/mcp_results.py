"""What tools found, as MCP tells it: words for whoever reads, pictures with boxes, and data for programs."""

from __future__ import annotations

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent

from ..agent.messages import encoded
from .finding import Finding

TOLD_BEFORE = ("steps",)
"""What is left out of the data: each step was told when it was done, and they are longer than all else."""


def result_of(finding: Finding) -> CallToolResult:
    """Return a finding as the result of a call: its words, each picture behind its name, and its data."""
    content: list[ContentBlock] = [TextContent(text=finding.text)]
    for number, shown in enumerate(finding.pictures, start=1):
        picture, kind = encoded(shown.still)
        content.append(TextContent(text=f"picture {number}: {shown.name}"))
        content.append(ImageContent(data=picture, mime_type=kind))
    data = {name: value for name, value in finding.data.items() if name not in TOLD_BEFORE}
    if finding.result is not None:
        data |= {"notes": finding.result.notes, "skipped": finding.result.skipped}
    return CallToolResult(content=content, structured_content=data)


def failed(message: str) -> CallToolResult:
    """Return an error as the result of a call, so that the model which called reads it and can do better."""
    return CallToolResult(content=[TextContent(text=message)], is_error=True)
