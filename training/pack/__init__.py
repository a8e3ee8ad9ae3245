"""From weights to a model pack, and how good a pack is on photos whose places are known."""
