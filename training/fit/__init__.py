"""From shards and cells to weights. Knows nothing of packs but the one it begins from."""
