"""The agent's tools: look at stills, look closer, and the eyes themselves (``llava_next``)."""
