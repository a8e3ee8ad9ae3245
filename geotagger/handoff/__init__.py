"""Handing places over to the photo managers.

`immich` speaks Immich's API; `others` tells what PhotoPrism and Memories will read, and the command that
makes them. Takes the index and what the owner asks, gives outcomes. Nothing here changes a photo."""
