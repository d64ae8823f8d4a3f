"""The workers, a folder of workers/ each: a queue, the function that it invokes, and long work behind it."""

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import CfnDeletionPolicy, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from stacks.acknowledge import acknowledge, acknowledge_synchronous
from stacks.code.source import Source
from stacks.context import StageContext
from stacks.encryption import queue_encryption
from stacks.function import Function, FunctionProps, LogGroup
from stacks.names import camel_case, dead_letter_queue_name, queue_name, stage_prefix
from stacks.queues import visibility_timeout
from stacks.settings import QUEUE_SETTINGS, WorkerKind, has_task
from stacks.settings import Worker as WorkerSettings

# A dead letter's days count from when its event was first sent: this leaves at least ten.
KEPT_WAITING = Duration.days(4)
# The longest that SQS keeps a message.
KEPT_LONGEST = Duration.days(14)
# Seconds in which executions of a batch are started.
_STARTER_TIMEOUT = 60
_DESCRIPTION = "Worker {}: handles the events of its queue"


class Workers(Construct):
    """All workers, in a scope of their own: one may be named like anything else in the stack.

    Attributes:
        by_name: the workers.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext) -> None:
        """Make them."""
        super().__init__(scope, construct_id)
        self.by_name = {
            name: Worker(self, camel_case(name), context=context, name=name)
            for name in context.settings.workers
        }
        if context.layout.crowded:
            self._refuse_plain_http()

    def _refuse_plain_http(self) -> None:
        """One policy for all queues, where two for each worker would be too many resources."""
        pairs = [(worker.queue.queue, worker.queue.dead_letters) for worker in self.by_name.values()]
        policy = sqs.QueuePolicy(self, "Policy", queues=[queue for pair in pairs for queue in pair])
        policy.document.add_statements(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["sqs:*"],
                # Those that it is attached to.
                resources=["*"],
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            )
        )
        _keep_on_queues(policy)


class Worker(Construct):
    """Handles the events of its queue in batches; only those that failed return to the queue.

    Where the work is long, its function is the bridge's own, which starts an execution for each event.

    Attributes:
        queue: the construct with the queue and its dead letters.
        function: is invoked with the queue's events.
        state_machine: does work that is long; None: the function does it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext, name: str) -> None:
        """Make it."""
        super().__init__(scope, construct_id)
        settings = context.settings.workers[name]
        work = None
        if WorkerKind.of(context.worker_folder(name)) is WorkerKind.STATE_MACHINE:
            # No worker's id: those have no hyphen.
            work = LongWork(scope, f"{construct_id}-work", context=context, name=name)
        timeout = _STARTER_TIMEOUT if work else settings.timeout
        self.queue = WorkerQueue(self, "Events", context=context, name=name, function_timeout=timeout)
        environment = {"WORKER": name, "QUEUE_URL": self.queue.queue.queue_url}
        self.function = Function(
            context.layout.home(self, "Worker", name),
            "Function",
            context=context,
            props=_starter(work, context, environment) if work else _handler(name, context, environment),
        )
        self._receive(settings, ordered=name in context.settings.ordered_targets)
        self.state_machine = work.state_machine if work else None
        if work:
            work.state_machine.grant_start_execution(self.function)
        else:
            context.entries.give(self.function, ["database", *settings.secrets])

    def _receive(self, settings: WorkerSettings, *, ordered: bool) -> None:
        self.function.invoked.add_event_source(
            event_sources.SqsEventSource(
                self.queue.queue,
                # What waits behind a failing event would run out of attempts with it, were it received too.
                batch_size=1 if ordered else settings.batch_size,
                max_concurrency=settings.max_concurrency or None,
                report_batch_item_failures=True,
            )
        )
        acknowledge(
            self.function,
            "Serverless-LambdaDLQ",
            "Invoked by its queue only, whose dead-letter queue takes what fails.",
        )
        acknowledge(
            self.function,
            "Serverless-LambdaEventSourceMappingDestination",
            "Of a queue's mapping the queue's own dead-letter queue is the destination.",
        )


def _handler(name: str, context: StageContext, environment: Mapping[str, str]) -> FunctionProps:
    """Describe the function that runs a worker's folder."""
    return FunctionProps(
        source=_source(name, context),
        description=_DESCRIPTION.format(name),
        environment=environment,
        name=_name(name, context),
        # The queue's mapping has the others.
        **context.settings.workers[name].model_dump(exclude={"secrets", *QUEUE_SETTINGS}),
    )


def _starter(work: "LongWork", context: StageContext, environment: Mapping[str, str]) -> FunctionProps:
    """Describe the function that starts executions."""
    return FunctionProps(
        source=context.bridge_source("start_execution"),
        description=_DESCRIPTION.format(environment["WORKER"]),
        environment={**environment, "STATE_MACHINE_ARN": work.state_machine.state_machine_arn},
        name=_name(environment["WORKER"], context),
        memory=256,
        timeout=_STARTER_TIMEOUT,
        reaches_supabase=False,
    )


def _name(name: str, context: StageContext) -> str | None:
    """Name a function of a nested stack, so that nothing outside of that has to refer to it."""
    return f"{stage_prefix(context.stage_name)}{name}" if context.layout.crowded else None


def _source(name: str, context: StageContext) -> Source:
    folder = context.worker_folder(name)
    is_node = WorkerKind.of(folder) is WorkerKind.NODE
    return context.sources.node(folder) if is_node else context.sources.python(folder)


class WorkerQueue(Construct):
    """A queue that moves a message which fails too often to its dead-letter queue.

    Attributes:
        queue: what events are sent to.
        dead_letters: what a person looks at, counts and redrives.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        context: StageContext,
        name: str,
        function_timeout: int,
    ) -> None:
        """Make both.

        Args:
            scope: what they belong to.
            construct_id: within the scope.
            context: the stage's.
            name: the worker's.
            function_timeout: seconds that the function may take which receives.
        """
        super().__init__(scope, construct_id)
        ordered = name in context.settings.ordered_targets
        # Composed from its name: the queues name each other, which can't be two references.
        full_name = queue_name(context.stage_name, name, ordered=ordered)
        shared = self._shared(context, ordered=ordered)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=dead_letter_queue_name(context.stage_name, name, ordered=ordered),
            **shared,
            retention_period=KEPT_LONGEST,
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[
                    sqs.Queue.from_queue_arn(
                        self, "Source", Stack.of(self).format_arn(service="sqs", resource=full_name)
                    )
                ],
            ),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=full_name,
            **shared,
            retention_period=KEPT_WAITING,
            visibility_timeout=visibility_timeout(function_timeout),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=context.settings.workers[name].max_attempts
            ),
        )
        for queue in (self.queue, self.dead_letters):
            _keep_when_replaced(queue)
        acknowledge(self.dead_letters, "Serverless-SQSRedrivePolicy", "It is where redriving ends.")

    @staticmethod
    def _shared(context: StageContext, *, ordered: bool) -> dict[str, Any]:
        """Properties of both."""
        fifo: dict[str, Any] = {
            "fifo": True,
            # So much for each group, not for the queue as a whole.
            "deduplication_scope": sqs.DeduplicationScope.MESSAGE_GROUP,
            "fifo_throughput_limit": sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        }
        return {
            **(fifo if ordered else {}),
            **queue_encryption(context.key),
            "enforce_ssl": not context.layout.crowded,
        }


def _keep_when_replaced(queue: sqs.Queue) -> None:
    """Let a queue outlive its replacement, as with `ordered`: it may hold events that nothing else has."""
    resource = cast("sqs.CfnQueue", queue.node.default_child)
    resource.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
    if policy := queue.node.try_find_child("Policy"):
        _keep_on_queues(policy)


def _keep_on_queues(policy: IConstruct) -> None:
    """Let a policy end with its queues only: deleted alone, it would take along one that came after it."""
    options = cast("sqs.CfnQueuePolicy", policy.node.default_child).cfn_options
    options.deletion_policy = options.update_replace_policy = CfnDeletionPolicy.RETAIN


class LongWork(Construct):
    """The state machine of a worker's folder, and the function that its tasks call.

    Attributes:
        state_machine: what is started.
    """

    def __init__(self, scope: Construct, construct_id: str, *, context: StageContext, name: str) -> None:
        """Make it; `${TaskFunction}` in the folder's definition is the task function's ARN."""
        super().__init__(scope, construct_id)
        folder = context.worker_folder(name)
        task = self._make_task(context, name) if has_task(folder) else None
        role = self._make_role(task)
        definition = (folder / WorkerKind.STATE_MACHINE.value).read_text("utf-8")
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions={"TaskFunction": task.invoked.function_arn} if task else None,
            logs=sfn.LogOptions(
                destination=self._make_log_group(context, name, role),
                level=sfn.LogLevel.ALL,
                # Its input is a row.
                include_execution_data=False,
            ),
            role=role,
            tracing_enabled=True,
        )

    def _make_task(self, context: StageContext, name: str) -> Function:
        settings = context.settings.workers[name]
        task = Function(
            self,
            "Task",
            context=context,
            props=FunctionProps(
                source=context.sources.python(context.worker_folder(name)),
                description=f"Tasks of worker {name}: called by its state machine",
                # An execution that waits keeps the definition that it began with, for up to a year.
                always_by_alias=True,
                **settings.model_dump(exclude={"secrets", "batch_size", "max_attempts"}),
            ),
        )
        acknowledge_synchronous(task, "its state machine")
        context.entries.give(task, ["database", *settings.secrets])
        return task

    def _make_log_group(self, context: StageContext, name: str, role: iam.Role) -> LogGroup:
        group = LogGroup(self, "Logs", context=context)
        # What log delivery may write to must fit into one policy per region, unless it is named so. The
        # role's id is new whenever the worker is: retained logs of an earlier one keep their name.
        cast(
            "logs.CfnLogGroup", group.node.default_child
        ).log_group_name = f"/aws/vendedlogs/states/{Stack.of(self).stack_name}-{name}-{role.role_id}"
        return group

    def _make_role(self, task: Function | None) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "Traces, and the delivery of logs, have no resources that a policy could name.",
        )
        if task:
            role.add_to_policy(
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[task.invoked.function_arn])
            )
        return role
