"""Serves the functions of examples/shop/vercel as Vercel's runtime does, as a process.

The environment variable VERCEL_APP_SETTINGS names a file of JSON: `port` on 127.0.0.1, `folder` of the
functions, and `environment`, the project's variables. Nothing of the repository is imported but that folder.
"""

import json
import logging
import os
import sys
from pathlib import Path

import uvicorn

HOST = "127.0.0.1"


def main() -> None:
    """Serve until told to stop."""
    settings = json.loads(Path(os.environ.pop("VERCEL_APP_SETTINGS")).read_text())
    os.environ.update(settings["environment"])
    os.chdir(settings["folder"])
    sys.path.insert(0, settings["folder"])
    # As Vercel's runtime has it: one handler, on the root logger, that shows the message.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    uvicorn.run(
        "main:app",
        host=HOST,
        port=settings["port"],
        lifespan="auto",
        access_log=False,
        log_config=None,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
