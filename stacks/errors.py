"""What stops a synthesis, worded for the person who runs it.

AppError
├── SettingsError   bridge.toml, or a setting given with -c, is wrong
└── BuildError      the code of a function or of the shared layer can't be built
"""


class AppError(Exception):
    """Shown as it is, without a stack trace."""


class SettingsError(AppError):
    """Every mistake that was found, one a line."""


class BuildError(AppError):
    """Libraries can't be installed, or a worker can't be bundled; with the last words of the tool."""
