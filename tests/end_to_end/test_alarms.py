"""The alarms, deployed beside what they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3

from local.aws import CREDENTIALS, REGION

if TYPE_CHECKING:
    from tests.end_to_end.deployment import Deployment


def alarms(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Their dimensions, by their names without the stage."""
    client: Any = boto3.client(
        "cloudwatch",
        endpoint_url=deployment.system.aws_endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    found = client.describe_alarms(AlarmNamePrefix="external-compute-local-")["MetricAlarms"]
    client.close()
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
    queues = {outputs[name].rpartition("/")[2] for name in outputs if "Queue" in name}
    assert {found[name]["QueueName"] for name in found if "QueueName" in found[name]} == queues
