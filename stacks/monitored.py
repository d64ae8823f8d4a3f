"""What of a bridge is looked at from outside of its stack."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from stacks.constructs.worker_queue import WorkerQueue


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """A stage's parts, for alarms and the like.

    Attributes:
        api: where messages and calls arrive.
        receiver: takes the messages.
        redelivery: makes delivery certain, and measures the outbox.
        rotation: changes the signing secrets.
        workers: functions that process events, by their names.
        queues: the workers', likewise.
        state_machines: those of workers whose work is long.
    """

    api: apigw.HttpApi
    receiver: lambda_.Function
    redelivery: lambda_.IFunction
    rotation: lambda_.IFunction
    workers: Mapping[str, lambda_.IFunction]
    queues: Mapping[str, WorkerQueue]
    state_machines: Mapping[str, sfn.IStateMachine]
