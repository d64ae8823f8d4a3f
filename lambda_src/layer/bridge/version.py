"""The app's version, as pyproject.toml says it: that file is not shipped."""

VERSION = "0.1.0"
