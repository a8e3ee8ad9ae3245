"""Where the photos of a training come from, and how their images are stored.

Knows nothing of networks.
"""
