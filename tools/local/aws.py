"""AWS on one machine: ministack, in one process of its own, its Lambda functions as subprocesses."""

import os
import sys
from pathlib import Path
from typing import Any

import boto3
import httpx

from tools.cdk_cli import search_path
from tools.local.part import HttpPart
from tools.local.ports import HOST

REGION = "us-east-1"
ACCOUNT = "000000000000"
# ministack signs nothing and checks nothing; the SDKs only insist that there are some.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# A real account's settings must not reach the emulator, nor its functions a real account.
AWS_PREFIX = "AWS_"


class Aws(HttpPart):
    """The emulator, its state in memory and gone with it; its Lambda functions end with it."""

    name = "aws"
    title = "ministack"
    command = (sys.executable, "-m", "ministack")
    start_seconds = 60

    @property
    def endpoint(self) -> str:
        """The address by the SDKs' name."""
        return self.url

    def _environment(self) -> dict[str, str]:
        home = str(self.home)
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

    def _is_up(self, client: httpx.Client) -> bool:
        return client.get("/_ministack/health").is_success


def client(service: Any, endpoint: str) -> Any:
    """Make a service's client for the emulator at `endpoint`."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


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
