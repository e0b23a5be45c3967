"""The server: Sightloop behind an OpenAI-compatible interface, for many callers at once."""
