"""``python -m sightloop``: the command line."""

from .integrations.cli import main

if __name__ == "__main__":
    main()
