"""Sources: readers that turn files into stills, one module for each kind of source."""
