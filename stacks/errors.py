"""What stops a synthesis, worded for the person who runs it.

AppError
├── SettingsError   bridge.toml, or a setting given with -c, is wrong
└── LayerError      the shared layer can't be built
"""


class AppError(Exception):
    """Shown as it is, without a stack trace."""


class SettingsError(AppError):
    """Every mistake that was found, one a line."""


class LayerError(AppError):
    """The shared layer's libraries can't be installed."""
