"""The layer that every function has: the package bridge and the locked libraries."""

import platform

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.code.libraries import install_libraries
from stacks.code.source import Sources
from stacks.code.staging import staged


def function_architecture(*, for_this_machine: bool) -> lambda_.Architecture:
    """arm64, or this machine's where functions run on it."""
    if for_this_machine and platform.machine().lower() in {"x86_64", "amd64"}:
        return lambda_.Architecture.X86_64
    return lambda_.Architecture.ARM_64


class SharedLayer(lambda_.LayerVersion):
    """/opt/python with the package bridge and the libraries of its requirements.txt."""

    def __init__(self, scope: Construct, construct_id: str, *, sources: Sources) -> None:
        """Build it; its libraries are those of the requirements.txt beside bridge/, a lock with hashes.

        Raises:
            BuildError: the libraries can't be installed.
        """
        source, for_this_machine = sources.layer, sources.for_this_machine
        libraries = install_libraries(
            source / "requirements.txt", for_this_machine=for_this_machine, cache=sources.cache
        )
        with staged({"bridge": source / "bridge"}, libraries=libraries, within="python/") as layer:
            super().__init__(
                scope,
                construct_id,
                code=layer.code(),
                compatible_architectures=[function_architecture(for_this_machine=for_this_machine)],
                compatible_runtimes=[lambda_.Runtime.PYTHON_3_14],
                description="The package bridge and the libraries that the functions share",
            )
