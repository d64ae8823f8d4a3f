"""Breaks one part after another while rows flow, mends it, and counts what arrived."""
