"""Deploys the bridge on this machine and shows it at work; nothing that is inserted may be lost."""

from datetime import UTC, datetime

from rich.console import Console

from local import deploy
from local.aws import REGION
from local.demo.calls import Calls
from local.demo.cloud import Cloud
from local.demo.scenes import Scenes
from local.demo.shop import Shop
from local.demo.tally import Tally
from local.errors import LocalError
from local.system import System

BULK = 1_000


def main() -> int:
    """Run the demo.

    Returns:
        The exit code: 0, or 1 when an event was lost or a scene did not go as it must.
    """
    console = Console(highlight=False)
    with System.running_or_started(
        say=lambda step: console.print(f"[cyan]•[/] {step}", soft_wrap=True)
    ) as system:
        shop = Shop(system.direct_url)
        try:
            return _show(console, system, shop)
        finally:
            shop.close()


def _show(console: Console, system: System, shop: Shop) -> int:
    cloud = _deploy(system)
    shop.begin()
    scenes = Scenes(console=console, shop=shop, cloud=cloud, pg_net=system.pg_net, stage=deploy.STAGE)
    earlier = {letter["id"] for letter in cloud.dead_letters()}
    failures: list[str] = []
    try:
        first = scenes.one_order()
        scenes.many_orders(BULK)
        scenes.changed_order(first.ids[0])
        scenes.refused_requests(first)
        scenes.duplicate(first)
        mistaken = scenes.poison(count=10)
        scenes.without_pg_net(count=50)
        scenes.dead_letter(mistaken, earlier)
        Calls(console=console, system=system, shop=shop, url=str(cloud.outputs["WebhookUrl"])).show()
        scenes.settled()
    except LocalError as error:
        failures.append(str(error))
    tally = Tally.of(shop, cloud, earlier)
    for failure in failures:
        console.print(f"[red]{failure}[/]")
    console.print(str(tally), soft_wrap=True)
    return 1 if failures or tally.lost else 0


def _deploy(system: System) -> Cloud:
    started_at = datetime.now(tz=UTC)
    system.say("Preparing AWS for the CDK (cdk bootstrap)")
    deploy.bootstrap(system)
    system.say("Deploying the templates: API, functions, queues, secrets, triggers (cdk deploy)")
    outputs = deploy.deploy(system)
    system.say(f"{outputs['Triggers']} triggers in place; the database reaches {outputs['WebhookUrl']}")
    return Cloud(
        endpoint=system.aws_endpoint,
        region=REGION,
        stack=deploy.BRIDGE_STACK,
        outputs=outputs,
        started_at=started_at,
    )
