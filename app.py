"""The CDK app: `cdk deploy -c stage=NAME`."""

import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from stacks.bridge import BridgeStack
from stacks.errors import AppError
from stacks.github import GithubStack
from stacks.monitoring import MonitoringStack
from stacks.secrets import SecretsStack
from stacks.settings import read_settings

app = App()
try:
    context = app.node.get_all_context()
    settings = read_settings(context)
    prefix = f"external-compute-{settings.stage}"
    secrets = SecretsStack(app, f"{prefix}-secrets", settings=settings)
    bridge = BridgeStack(app, f"{prefix}-bridge", settings=settings)
    bridge.add_stack_dependency(secrets)
    monitoring = MonitoringStack(app, f"{prefix}-monitoring", settings=settings, monitored=bridge.monitored)
    if "github" in context:
        stacks = (secrets, bridge, monitoring)
        GithubStack(app, f"{prefix}-github", settings=settings, context=context, stacks=stacks)
except AppError as error:
    sys.exit(str(error))
Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
app.synth()
