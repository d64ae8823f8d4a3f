"""The workers: a folder of workers/ each."""

from pathlib import Path

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.function import FunctionDefaults
from stacks.constructs.long_work import LongWork
from stacks.constructs.source import Sources
from stacks.constructs.worker import Worker
from stacks.entries import Entries
from stacks.names import camel_case, queue_name
from stacks.settings import QUEUE_SETTINGS, Settings, WorkerKind, has_task
from stacks.settings import Worker as WorkerSettings

_STARTER = Path(__file__).parents[1] / "lambda_src" / "start_execution"


class Workers(Construct):
    """All workers, in a scope of their own: one may be named like anything else in the stack.

    Attributes:
        by_name: the constructs with queue and function.
        state_machines: those of workers whose work is long, by the workers' names.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        sources: Sources,
        defaults: FunctionDefaults,
        entries: Entries,
    ) -> None:
        """Make them."""
        super().__init__(scope, construct_id)
        self._stage = settings.stage
        self._folder = settings.code / "workers"
        self._sources = sources
        self._defaults = defaults
        self._entries = entries
        self._ordered = settings.ordered_targets
        self.state_machines: dict[str, sfn.StateMachine] = {}
        self.by_name = {name: self._make_worker(name, worker) for name, worker in settings.workers.items()}

    def _make_worker(self, name: str, settings: WorkerSettings) -> Worker:
        folder = self._folder / name
        kind = WorkerKind.of(folder)
        if kind is WorkerKind.STATE_MACHINE:
            return self._make_long_worker(name, settings)
        worker = Worker(
            self,
            camel_case(name),
            name=name,
            source=self._sources.node(folder) if kind is WorkerKind.NODE else self._sources.python(folder),
            defaults=self._defaults,
            environment={},
            queue_name=queue_name(self._stage, name),
            ordered=name in self._ordered,
            **settings.model_dump(exclude={"secrets"}),
        )
        self._entries.give(worker.function, ["database", *settings.secrets])
        return worker

    def _make_long_worker(self, name: str, settings: WorkerSettings) -> Worker:
        """A queue whose function starts executions, while the folder's own code is called by these."""
        folder = self._folder / name
        work = LongWork(
            self,
            # No worker's id: those have no hyphen.
            f"{camel_case(name)}-work",
            name=name,
            definition=folder / WorkerKind.STATE_MACHINE.value,
            source=self._sources.python(folder) if has_task(folder) else None,
            defaults=self._defaults,
            **settings.model_dump(exclude={"secrets", "batch_size", "max_attempts"}),
        )
        if work.task:
            self._entries.give(work.task, ["database", *settings.secrets])
        worker = Worker(
            self,
            camel_case(name),
            name=name,
            source=self._sources.python(_STARTER),
            defaults=self._defaults,
            environment={"STATE_MACHINE_ARN": work.state_machine.state_machine_arn},
            queue_name=queue_name(self._stage, name),
            memory=256,
            timeout=60,
            reaches_supabase=False,
            **settings.model_dump(include=QUEUE_SETTINGS),
        )
        work.state_machine.grant_start_execution(worker.function)
        self.state_machines[name] = work.state_machine
        CfnOutput(
            Stack.of(self), f"StateMachine{camel_case(name)}", value=work.state_machine.state_machine_arn
        )
        return worker
