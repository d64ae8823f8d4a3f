"""The queues of the stack that carries messages, and what becomes of an event that fails."""

from aws_cdk.assertions import Match, Template

WORKER_QUEUE = "external-compute-prod-process_order"


def should_hide_a_received_event_six_times_the_workers_timeout(template: Template) -> None:
    template.has_resource_properties("AWS::SQS::Queue", {"QueueName": WORKER_QUEUE, "VisibilityTimeout": 360})
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Handler": "process_order.handler.handler", "Timeout": 60}
    )


def should_move_poison_to_the_dead_letter_queue_after_max_attempts(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "QueueName": WORKER_QUEUE,
            "RedrivePolicy": {"maxReceiveCount": 3, "deadLetterTargetArn": Match.any_value()},
        },
    )


def should_keep_dead_letters_14_days_and_let_only_their_queue_take_them_back(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "QueueName": f"{WORKER_QUEUE}-dead-letter",
            "MessageRetentionPeriod": 14 * 24 * 3600,
            "RedriveAllowPolicy": {
                "redrivePermission": "byQueue",
                "sourceQueueArns": [{"Fn::Join": ["", Match.array_with([f":{WORKER_QUEUE}"])]}],
            },
        },
    )


def should_encrypt_every_queue_and_refuse_plain_http(template: Template) -> None:
    template.resource_properties_count_is("AWS::SQS::Queue", {"SqsManagedSseEnabled": True}, 7)
    template.resource_count_is("AWS::SQS::Queue", 7)
    refusal = {"Effect": "Deny", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    template.resource_properties_count_is(
        "AWS::SQS::QueuePolicy", {"PolicyDocument": {"Statement": [Match.object_like(refusal)]}}, 7
    )


def should_return_only_failed_events_to_the_queue(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BatchSize": 10,
            "ScalingConfig": {"MaximumConcurrency": 5},
        },
    )


def should_wake_redelivery_every_minute_and_by_its_queue(template: Template) -> None:
    template.has_resource_properties("AWS::Events::Rule", {"ScheduleExpression": "rate(1 minute)"})
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping", {"BatchSize": 10, "ScalingConfig": {"MaximumConcurrency": 2}}
    )
