"""The CDK app: `cdk deploy -c stage=NAME`."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from stacks.bridge import BridgeStack
from stacks.errors import AppError
from stacks.github import GithubStack
from stacks.limits import check_limits
from stacks.monitoring import MonitoringStack
from stacks.secrets import SecretsStack
from stacks.settings import read_settings

# stacks/limits.py says more about too many resources than the CDK would.
app = App(context={"@aws-cdk/core:stackResourceLimit": 0})
try:
    context = app.node.get_all_context()
    settings = read_settings(context)
    prefix = f"external-compute-{settings.stage_name}"
    secrets = SecretsStack(app, f"{prefix}-secrets", settings=settings)
    bridge = BridgeStack(app, f"{prefix}-bridge", settings=settings)
    bridge.add_stack_dependency(secrets)
    monitoring = MonitoringStack(app, f"{prefix}-monitoring", settings=settings, bridge=bridge)
    if "github" in context:
        stacks = (secrets, bridge, monitoring)
        GithubStack(app, f"{prefix}-github", settings=settings, context=context, stacks=stacks)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    check_limits(Path(app.synth().directory), settings)
except AppError as error:
    sys.exit(str(error))
