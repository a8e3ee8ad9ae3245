"""Finds out where photos were taken, writes it into them without harm, remembers it."""

__version__ = "0.1.0"
