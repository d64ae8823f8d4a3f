"""The process: `python -m tools.local.supabase_api`.

The environment variable SUPABASE_API_SETTINGS names a file of JSON: `port` on 127.0.0.1, `database_url`,
`directory` for the contents of objects, `keys`.
"""

import json
import os
from pathlib import Path

import uvicorn

from tools.local.ports import HOST
from tools.local.supabase_api.keys import Keys
from tools.local.supabase_api.server import Settings, application


def main() -> None:
    given = json.loads(Path(os.environ["SUPABASE_API_SETTINGS"]).read_text())
    settings = Settings(given["database_url"], Keys(**given["keys"]), Path(given["directory"]))
    # No access log: addresses of signed objects hold tokens.
    uvicorn.run(
        application(settings),
        host=HOST,
        port=given["port"],
        access_log=False,
        log_level="warning",
        server_header=False,
        # As patient as the real gateway with clients that keep their connections.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
