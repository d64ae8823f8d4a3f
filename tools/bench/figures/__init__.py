"""The figures, each a script of its own."""
