"""The faces of the package: the command line."""
