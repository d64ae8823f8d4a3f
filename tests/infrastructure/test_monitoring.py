"""The alarms: what they look at, whom they tell, and where a person reads on."""

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.infrastructure.assembly import ROOT, Assembly

RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
PREFIX = "external-compute-prod-"
OUTBOX = {"Namespace": "ExternalCompute/prod", "Dimensions": [{"Name": "service", "Value": "redeliver"}]}
WORKERS = ("expire_order", "process_order", "render_receipt")


@pytest.fixture(scope="module")
def monitoring(assembly: Assembly) -> dict[str, Any]:
    return assembly.template("prod-monitoring")


@pytest.fixture(scope="module")
def template(monitoring: dict[str, Any]) -> Template:
    return Template.from_json(monitoring)


def alarms(monitoring: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties by name, without the stage."""
    return {
        resource["Properties"]["AlarmName"].removeprefix(PREFIX): resource["Properties"]
        for resource in monitoring["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def dimension(properties: dict[str, Any], bridge: dict[str, Any]) -> Any:
    """What the alarm's weak reference leads to."""
    [found] = properties["Dimensions"]
    reference = found["Value"]["Fn::GetStackOutput"]
    assert reference["StackName"] == "external-compute-prod-bridge"
    return bridge["Outputs"][reference["OutputName"]]["Value"]


def anchors() -> set[str]:
    """Of the runbook's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def should_have_an_alarm_for_whatever_a_person_must_know(monitoring: dict[str, Any]) -> None:
    assert alarms(monitoring).keys() == {
        *("backlog", "oldest-message", "given-up", "paused", "missing-triggers"),
        *("pg-net-or-vault", "redelivery-step"),
        *("redelivery-silent", "redelivery-fails", "receiver", "api", "rotation"),
        *(f"dead-letters-{worker}" for worker in WORKERS),
        *(f"behind-{worker}" for worker in WORKERS),
        *("executions-failed-expire_order", "executions-timed-out-expire_order"),
    }


def should_tell_the_topic_when_an_alarm_begins_and_ends(monitoring: dict[str, Any]) -> None:
    [topic] = (name for name, r in monitoring["Resources"].items() if r["Type"] == "AWS::SNS::Topic")
    for name, properties in alarms(monitoring).items():
        assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": topic}], name
        assert "ActionsEnabled" not in properties, name


def should_say_in_a_sentence_what_is_wrong_and_name_an_entry_that_exists(monitoring: dict[str, Any]) -> None:
    for name, properties in alarms(monitoring).items():
        found = re.fullmatch(r"[A-Z].+\. docs/operations\.md#([\w-]+)", properties["AlarmDescription"])
        assert found, name
        assert found[1] in anchors(), name


def should_have_an_alarm_for_each_entry_about_alarms(monitoring: dict[str, Any]) -> None:
    section = RUNBOOK.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    entries = {line.lower().replace(" ", "-") for line in re.findall(r"^### (.+)$", section, re.MULTILINE)}
    named = {properties["AlarmDescription"].partition("#")[2] for properties in alarms(monitoring).values()}
    assert named == entries


def should_name_only_outputs_that_the_bridge_has(bridge: dict[str, Any]) -> None:
    functions = re.findall(r"\b(?:output|logs) ([A-Z]\w+)|\b(Function[A-Z]\w+)", RUNBOOK)
    assert {first or second for first, second in functions} <= bridge["Outputs"].keys()


@pytest.mark.parametrize(
    ("name", "metric", "threshold", "periods"),
    [
        ("backlog", "Backlog", 100_000, 3),
        ("oldest-message", "OldestMessageAge", 900, 3),
        ("given-up", "DeadMessages", 0, 1),
        ("paused", "Paused", 0, 1),
        ("missing-triggers", "MissingTriggers", 0, 1),
        ("pg-net-or-vault", "Problems", 0, 5),
    ],
)
def should_keep_what_is_known_of_the_outbox_while_nothing_new_is(
    monitoring: dict[str, Any], name: str, metric: str, threshold: int, periods: int
) -> None:
    properties = alarms(monitoring)[name]
    expected = {
        **OUTBOX,
        "MetricName": metric,
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": threshold,
        "Period": 60,
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": periods,
        "TreatMissingData": "ignore",
    }
    assert expected.items() <= properties.items()


def should_measure_what_redelivery_publishes(monitoring: dict[str, Any]) -> None:
    published = (ROOT / "lambda_src" / "redeliver" / "handler.py").read_text("utf-8")
    metrics = {p["MetricName"] for p in alarms(monitoring).values() if p["Namespace"] == OUTBOX["Namespace"]}
    assert metrics == {name for name in metrics if f'add_metric("{name}"' in published}


def should_take_silence_of_redelivery_for_trouble(monitoring: dict[str, Any]) -> None:
    expected = {
        **OUTBOX,
        "MetricName": "Backlog",
        "Statistic": "SampleCount",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "Period": 60,
        "EvaluationPeriods": 5,
        "TreatMissingData": "breaching",
    }
    assert expected.items() <= alarms(monitoring)["redelivery-silent"].items()


@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("redelivery-fails", "redeliver.handler.handler"),
        ("receiver", "receive_webhook.handler.handler"),
        ("rotation", "rotate_secret.handler.handler"),
    ],
)
def should_count_the_errors_of_functions(
    monitoring: dict[str, Any], bridge: dict[str, Any], name: str, handler: str
) -> None:
    properties = alarms(monitoring)[name]
    expected = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Threshold": 0}
    assert expected.items() <= properties.items()
    function = bridge["Resources"][dimension(properties, bridge)["Ref"]]
    assert function["Properties"]["Handler"] == handler


def should_forgive_a_single_run_that_fails(monitoring: dict[str, Any]) -> None:
    for name in ("redelivery-fails", "receiver", "api"):
        expected = {"DatapointsToAlarm": 3, "EvaluationPeriods": 5, "TreatMissingData": "notBreaching"}
        assert expected.items() <= alarms(monitoring)[name].items()


def should_count_the_errors_of_the_api(monitoring: dict[str, Any], bridge: dict[str, Any]) -> None:
    properties = alarms(monitoring)["api"]
    assert {"Namespace": "AWS/ApiGateway", "MetricName": "5xx"}.items() <= properties.items()
    assert properties["Dimensions"][0]["Name"] == "ApiId"
    api = bridge["Resources"][dimension(properties, bridge)["Ref"]]
    assert api["Type"] == "AWS::ApiGatewayV2::Api"


@pytest.mark.parametrize("worker", WORKERS)
def should_see_every_dead_letter_and_every_event_that_waits(
    monitoring: dict[str, Any], bridge: dict[str, Any], worker: str
) -> None:
    dead, behind = (alarms(monitoring)[f"{name}-{worker}"] for name in ("dead-letters", "behind"))
    names = [p["Dimensions"][0]["Value"] for p in (dead, behind)]
    queues = {
        r["Properties"]["QueueName"] for r in bridge["Resources"].values() if r["Type"] == "AWS::SQS::Queue"
    }
    assert set(names) <= queues
    assert names == [f"{PREFIX}{worker}-dead-letter", f"{PREFIX}{worker}"]
    assert (dead["MetricName"], dead["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    assert dead["TreatMissingData"] == "ignore"
    assert (behind["MetricName"], behind["Threshold"]) == ("ApproximateAgeOfOldestMessage", 900)
    assert behind["TreatMissingData"] == "notBreaching"


def should_see_executions_that_fail(monitoring: dict[str, Any], bridge: dict[str, Any]) -> None:
    for name, metric in {"failed": "ExecutionsFailed", "timed-out": "ExecutionsTimedOut"}.items():
        properties = alarms(monitoring)[f"executions-{name}-expire_order"]
        assert (properties["Namespace"], properties["MetricName"]) == ("AWS/States", metric)
        machine = bridge["Resources"][dimension(properties, bridge)["Ref"]]
        assert machine["Type"] == "AWS::StepFunctions::StateMachine"


def should_let_only_the_stages_alarms_publish_and_only_over_tls(template: Template) -> None:
    its_alarms = {"ArnLike": {"aws:SourceArn": {"Fn::Join": ["", Match.array_with([f":alarm:{PREFIX}*"])]}}}
    by_alarms = {
        "Effect": "Allow",
        "Action": "sns:Publish",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": Match.object_like(
            {**its_alarms, "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        ),
    }
    plain = {
        "Effect": "Deny",
        "Action": "sns:Publish",
        "Principal": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    template.has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {"PolicyDocument": {"Statement": [Match.object_like(plain), Match.object_like(by_alarms)]}},
    )


def should_encrypt_the_topic_with_a_key_that_alarms_may_use(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SNS::Topic", {"KmsMasterKeyId": {"Fn::GetAtt": [Match.string_like_regexp("Key"), "Arn"]}}
    )
    by_alarms = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": Match.object_like({"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
    }
    template.has_resource_properties(
        "AWS::KMS::Key",
        {
            "EnableKeyRotation": True,
            "KeyPolicy": {"Statement": Match.array_with([Match.object_like(by_alarms)])},
        },
    )


def should_export_nothing_and_import_nothing(assembly: Assembly) -> None:
    for stack in ("prod-bridge", "prod-monitoring"):
        text = json.dumps(assembly.template(stack))
        assert "Fn::ImportValue" not in text
        assert '"Export"' not in text


def should_be_deployed_after_the_bridge(assembly: Assembly) -> None:
    manifest = json.loads((assembly.directory / "manifest.json").read_text("utf-8"))
    needed = manifest["artifacts"]["external-compute-prod-monitoring"]["dependencies"]
    assert "external-compute-prod-bridge" in needed


def should_tell_no_one_by_itself(template: Template) -> None:
    template.resource_count_is("AWS::SNS::Subscription", 0)
    template.has_output("AlarmTopic", {})


def should_follow_the_stage_settings(changed: Assembly) -> None:
    monitoring = changed.template("prod-monitoring")
    found = alarms(monitoring)
    assert found["backlog"]["Threshold"] == 5000
    assert found["backlog"]["AlarmDescription"].startswith("More than 5000 messages wait")
    assert found["oldest-message"]["Threshold"] == found["behind-process_order"]["Threshold"] == 120
    Template.from_json(monitoring).has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "oncall@example.com"}
    )


def should_report_no_finding_of_cdk_nag_whatever_is_set(changed: Assembly) -> None:
    report = json.loads((changed.directory / "validation-report.json").read_text("utf-8"))
    # What is reported is that the pooler has too few connections, as the settings have it.
    assert {each["pluginName"] for each in report["pluginReports"]} <= {"Construct Annotations"}


def should_count_the_receivers_answers_from_its_log(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Logs::MetricFilter",
        {
            # As receive_webhook logs it.
            "FilterPattern": '{ $.message = "webhook answered" }',
            "LogGroupName": {
                "Fn::GetStackOutput": Match.object_like(
                    {"OutputName": Match.string_like_regexp("ReceiverLogs")}
                )
            },
            "MetricTransformations": [
                {
                    "Dimensions": [{"Key": "status", "Value": "$.status"}],
                    "MetricName": "WebhookAnswers",
                    "MetricNamespace": "ExternalCompute/prod",
                    "MetricValue": "1",
                }
            ],
        },
    )
