"""The embedded model: the worlds it knows, how it is trained on them, and what it can do."""
