"""The alarms, deployed beside what they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.local.aws import client

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment


def alarms(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Their dimensions, by their names without the stage."""
    watch = client("cloudwatch", deployment.system.aws_endpoint)
    found = watch.describe_alarms(AlarmNamePrefix="external-compute-local-")["MetricAlarms"]
    watch.close()
    return {
        alarm["AlarmName"].removeprefix("external-compute-local-"): {
            each["Name"]: each["Value"] for each in alarm["Dimensions"]
        }
        for alarm in found
    }


def should_look_at_what_is_deployed(deployment: Deployment) -> None:
    found, outputs = alarms(deployment), deployment.outputs
    assert found["redelivery-fails"] == {"FunctionName": outputs["RedeliverFunction"]}
    assert found["receiver"] == {"FunctionName": outputs["ReceiveWebhookFunction"]}
    assert found["rotation"] == {"FunctionName": outputs["RotateSecretFunction"]}
    assert found["api"]["ApiId"] in outputs["WebhookUrl"]
    machine = outputs["StateMachineExpireOrder"]
    assert found["executions-failed-expire_order"] == {"StateMachineArn": machine}
    queues = {
        f"external-compute-local-{worker}{kind}"
        for worker in ("expire_order", "process_order", "render_receipt")
        for kind in ("", "-dead-letter")
    }
    assert {found[name]["QueueName"] for name in found if "QueueName" in found[name]} == queues
