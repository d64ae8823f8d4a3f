"""The whole system on one machine: database, pooler, pg_net, Supabase's API, Stripe, AWS."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from tools.local import running, supabase
from tools.local.aws import Aws, client_environment
from tools.local.directories import RunDirectory
from tools.local.part import Part
from tools.local.pg_net import PgNet, RealPgNet, StandIn
from tools.local.pooler import POOL_SIZE, Pooler
from tools.local.postgres import Server
from tools.local.state import State
from tools.local.stripe import Stripe
from tools.local.supabase_api.given import Given
from tools.local.supabase_api.keys import Keys
from tools.local.supabase_api.part import SupabaseApi
from tools.processes import Process, interrupted_later

BUILD = Path(__file__).parents[2] / "build" / "local"
STATE = BUILD / "state.json"


class System(Part):
    """Everything that a deployment needs. A context manager, or `start()` and `stop()`.

    With the environment variable DATABASE_URL that database is used, and no server is started;
    DATABASE_POOLED_URL is its pooled address, else a pooler of this machine is put before it. With
    SUPABASE_URL that Supabase's API is used, else a stand-in is put before the database.
    """

    def __init__(
        self,
        *,
        fsync: bool = True,
        pool_size: int = POOL_SIZE,
        log_directory: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare it.

        Args:
            fsync: as of `tools.local.postgres.Server`.
            pool_size: connections of the pooler to the server.
            log_directory: where the parts' logs go; default: build/local/logs/<process id>.
            say: told of each step in a few words.
        """
        self.log_directory = log_directory or BUILD / "logs" / str(os.getpid())
        self.direct_url = ""
        self.pooled_url = ""
        self.admin_url = ""
        self.aws_endpoint = ""
        self.supabase_url = ""
        self.stripe_url = ""
        self.stripe_key = ""
        self.pg_net: PgNet = RealPgNet()
        self.server: Server | None = None
        self.pooler: Pooler | None = None
        self._keys = Keys("", "", "")
        self._given: Given | None = None
        self._fsync = fsync
        self._pool_size = pool_size
        self._say = say
        self._undo = contextlib.ExitStack()
        self._directory: RunDirectory | None = None
        self._run_directory = ""
        self._processes: dict[str, Process] = {}

    @classmethod
    @contextlib.contextmanager
    def running_or_started(cls, *, say: Callable[[str], None] | None = None) -> Iterator[Self]:
        """Give the system that `up` left running, to be left running; else a new one, stopped at the end.

        Raises:
            MissingProgramError, StartError: as `start`.
        """
        state = State.read(STATE)
        if state is not None and running.complete(state):
            yield cls(log_directory=Path(state.log_directory), say=say)._attach(state)  # noqa: SLF001 - its own
        else:
            with cls(say=say) as system:
                yield system

    def start(self) -> Self:
        """Start every part; when one fails, or on Ctrl-C, those already started are stopped.

        Raises:
            MissingProgramError: a system package is not installed.
            StartError: a part did not come up.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every part and remove its data; harmless twice. Ctrl-C waits for it."""
        with interrupted_later():
            self._undo.close()

    def detach(self) -> None:
        """Let the parts outlive this process; from here on `tools.local.running.down` stops them."""
        if self._directory is not None:
            self._directory.detach()
        self._undo.pop_all()

    def environment(self) -> dict[str, str]:
        """Return the environment for AWS's tools: this one's, with credentials for the emulator only."""
        return client_environment(self.aws_endpoint)

    def say(self, step: str) -> None:
        if self._say is not None:
            self._say(step)

    @property
    def anon_key(self) -> str:
        return self._keys.anon_key

    @property
    def service_role_key(self) -> str:
        return self._keys.service_role_key

    @property
    def publishable_key(self) -> str:
        """The new form of the anon key; empty for a given Supabase."""
        return self._keys.publishable_key

    @property
    def secret_key(self) -> str:
        """The new form of the service role key; empty for a given Supabase."""
        return self._keys.secret_key

    @property
    def jwt_secret(self) -> str:
        return self._keys.jwt_secret

    def token(self, subject: str, role: str = "authenticated", **options: Any) -> str:
        """Return a token as Auth would issue it to the user `subject`, valid for an hour.

        Args:
            subject: the user's id; empty: a token without one.
            role: the database role that it acts as.
            options: `algorithm` "ES256" instead of "HS256"; `secret`, to forge one; any other is a claim,
                which None leaves out.

        Raises:
            LocalError: ES256 with a given Supabase, which alone has the key.
        """
        return self._keys.token(subject, role, **{"issuer": f"{self.supabase_url}/auth/v1"} | options)

    def state(self) -> State:
        """Return what `running` needs to find this system again."""
        return State(
            direct_url=self.direct_url,
            pooled_url=self.pooled_url,
            admin_url=self.admin_url,
            aws_endpoint=self.aws_endpoint,
            supabase_url=self.supabase_url,
            supabase_keys=asdict(self._keys),
            stripe_url=self.stripe_url,
            stripe_key=self.stripe_key,
            run_directory=self._run_directory,
            log_directory=str(self.log_directory),
            real_pg_net=self.pg_net.real,
            processes=self._processes,
        )

    def _attach(self, state: State) -> Self:
        self.direct_url = state.direct_url
        self.pooled_url = state.pooled_url
        self.admin_url = state.admin_url
        self.aws_endpoint = state.aws_endpoint
        self.supabase_url = state.supabase_url
        self.stripe_url, self.stripe_key = state.stripe_url, state.stripe_key
        self._keys = Keys(**state.supabase_keys)
        self._run_directory = state.run_directory
        self._processes = dict(state.processes)
        if not state.real_pg_net:
            self.pg_net = self._worker(state.processes.get("pg_net"))
        return self

    def _start(self) -> None:
        # First, so that what is missing is said before anything runs.
        self._given = Given.from_environment()
        with interrupted_later():
            directory = self._directory = RunDirectory()
            self._undo.callback(directory.remove)
        self._run_directory = str(directory.path)
        self._start_database(directory)
        self._start_pooler(directory)
        self._start_pg_net()
        self._start_supabase_api(directory)
        self._start_stripe(directory)
        self.say("Starting AWS (ministack)")
        aws = self._undo.enter_context(Aws(run_directory=directory, log=self._log("aws")))
        self.aws_endpoint = aws.endpoint
        self._remember("aws", aws.process)

    def _start_database(self, directory: RunDirectory) -> None:
        given = os.environ.get("DATABASE_URL")
        if given:
            self.say("Using the database that DATABASE_URL names")
            self.direct_url = self.admin_url = given
            for part in supabase.complete(given):
                self.say(f"It has no {part}: a stand-in is installed into it")
            return
        self.say("Starting PostgreSQL")
        server = Server(fsync=self._fsync, run_directory=directory, log=self._log("postgres"))
        self.server = self._undo.enter_context(server)
        self.direct_url, self.admin_url = server.url(), server.admin_url()
        self._remember("postgres", server.process)
        supabase.install(self.admin_url)

    def _start_pooler(self, directory: RunDirectory) -> None:
        given = os.environ.get("DATABASE_POOLED_URL") if "DATABASE_URL" in os.environ else None
        if given:
            self.pooled_url = given
            return
        self.say("Starting PgBouncer")
        pooler = Pooler(
            self.direct_url, run_directory=directory, log=self._log("pooler"), size=self._pool_size
        )
        self.pooler = self._undo.enter_context(pooler)
        self.pooled_url = pooler.url()
        self._remember("pooler", pooler.process)

    def _start_pg_net(self) -> None:
        if not supabase.has_stand_in_pg_net(self.direct_url):
            return
        self.say("Starting the stand-in for pg_net's worker")
        worker = self._worker(None)
        self._undo.callback(worker.stop)
        worker.start()
        self.pg_net = worker

    def _start_supabase_api(self, directory: RunDirectory) -> None:
        if self._given is not None:
            self.say("Using the Supabase that SUPABASE_URL names")
            self.supabase_url, self._keys = self._given.url, self._given.keys
            return
        self.say("Starting the stand-in for Supabase's API")
        url = self.direct_url
        if self.server is not None:
            url = self.server.url(user="authenticator")
        else:
            supabase.let_act_as_callers(url)
        api = SupabaseApi(url, run_directory=directory, log=self._log("supabase_api"))
        self._undo.enter_context(api)
        self.supabase_url, self._keys = api.url, api.keys
        self._remember("supabase_api", api.process)

    def _start_stripe(self, directory: RunDirectory) -> None:
        self.say("Starting Stripe (localstripe)")
        stripe = self._undo.enter_context(Stripe(run_directory=directory, log=self._log("stripe")))
        self.stripe_url, self.stripe_key = stripe.url, stripe.key
        self._remember("stripe", stripe.process)

    def _worker(self, process: Process | None) -> StandIn:
        return StandIn(self.admin_url, self._log("pg_net"), record=self._remember_worker, process=process)

    def _remember_worker(self, process: Process) -> None:
        self._remember("pg_net", process)
        if self._directory is None:
            # Started again in a system that `up` left running: `down` must know of it.
            self.state().write(STATE)
        else:
            self._directory.add(process)

    def _remember(self, name: str, process: Process | None) -> None:
        if process is not None:
            self._processes[name] = process

    def _log(self, part: str) -> Path:
        return self.log_directory / f"{part}.log"
