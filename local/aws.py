"""AWS on one machine: ministack, in one process of its own, its Lambda functions as subprocesses."""

import os
import sys
from pathlib import Path
from typing import Self

import httpx

from local.cdk_cli import search_path
from local.directories import RunDirectory
from local.errors import StartError, with_log
from local.part import Part
from local.ports import HOST, on_free_port
from local.processes import Process, spawn

REGION = "us-east-1"
ACCOUNT = "000000000000"
START_SECONDS = 60
# ministack signs nothing and checks nothing; the SDKs only insist that there are some.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# A real account's settings must not reach the emulator, nor its functions a real account.
AWS_PREFIX = "AWS_"


class Aws(Part):
    """The emulator on a free port of 127.0.0.1, its state in memory and gone with it."""

    def __init__(self, *, run_directory: RunDirectory, log: Path) -> None:
        self._directory = run_directory
        self._log = log
        self.port = 0
        self.process: Process | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it is healthy.

        Raises:
            StartError: it did not come up; the message holds the end of its log.
        """
        self._home = self._directory.make("aws")
        try:
            on_free_port(self._launch)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop it with the Lambda functions it runs; harmless twice."""
        if self.process is not None:
            self.process.stop(timeout=5)
            self.process = None

    def _launch(self, port: int) -> None:
        self.port = port
        process = spawn(
            [sys.executable, "-m", "ministack"],
            log=self._log,
            environment=self._environment(),
            directory=self._home,
            record=self._remember,
        )
        if not process.came_up(self._healthy, seconds=START_SECONDS):
            self.stop()
            raise StartError(with_log(f"ministack did not start on port {port}.", self._log))

    def _environment(self) -> dict[str, str]:
        home = str(self._home)
        return {
            # Functions inherit this environment: nothing of the user's is in it.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": home,
            "TMPDIR": home,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "LAMBDA_EXECUTOR": "local",
            "PERSIST_STATE": "0",
            "STATE_DIR": f"{home}/state",
            "S3_DATA_DIR": f"{home}/s3",
            **CREDENTIALS,
        }

    def _remember(self, process: Process) -> None:
        self.process = process
        self._directory.add(process)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.endpoint}/_ministack/health", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def client_environment(endpoint: str) -> dict[str, str]:
    """Return this process's environment, made to reach the emulator at `endpoint` and nothing real.

    Node.js and npm of the virtual environment, and the CDK CLI of node_modules, come first on the PATH.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(AWS_PREFIX)}
    return {
        **inherited,
        **CREDENTIALS,
        "PATH": search_path(inherited.get("PATH", os.defpath)),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Without these a real account's profile would be read.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
    }
