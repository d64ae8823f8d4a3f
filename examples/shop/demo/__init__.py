"""Deploys the bridge on this machine and shows it at work; nothing that is inserted may be lost."""

from datetime import UTC, datetime

from rich.console import Console

from examples.shop.demo.calls import Calls
from examples.shop.demo.cloud import Cloud
from examples.shop.demo.edge import Edge
from examples.shop.demo.outside import Outside
from examples.shop.demo.scenes import Scenes
from examples.shop.demo.shop import Shop
from examples.shop.demo.tally import Tally
from tools.errors import LocalError
from tools.local import deploy
from tools.local.aws import REGION
from tools.local.declaration import SHOP
from tools.local.system import System

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
        shop, edge = Shop(system.direct_url), Edge(system)
        try:
            return _show(console, system, shop, edge)
        finally:
            edge.stop()
            shop.close()


def _show(console: Console, system: System, shop: Shop, edge: Edge) -> int:
    cloud = _deploy(system, edge)
    shop.begin()
    outside = Outside(console=console, system=system, shop=shop, edge=edge)
    scenes = Scenes(console=console, shop=shop, cloud=cloud, pg_net=system.pg_net, stage=deploy.STAGE)
    earlier = {letter["id"] for letter in cloud.dead_letters()}
    failures: list[str] = []
    try:
        first = scenes.one_order()
        outside.stop_worker()
        scenes.many_orders(BULK)
        outside.start_worker()
        scenes.changed_order(first.ids[0])
        scenes.refused_requests(first)
        scenes.duplicate(first)
        mistaken = scenes.poison(count=10)
        scenes.without_pg_net(count=50)
        scenes.dead_letter(mistaken, earlier)
        url = str(cloud.outputs["WebhookUrl"])
        outside.call(Calls(console=console, system=system, shop=shop, url=url).show())
        scenes.settled()
    except LocalError as error:
        failures.append(str(error))
    tally, reached = Tally.of(shop, cloud, earlier), outside.reached()
    for failure in failures:
        console.print(f"[red]{failure}[/]")
    console.print(str(tally), soft_wrap=True)
    for target in reached:
        console.print(str(target), soft_wrap=True)
    return 0 if not failures and not tally.lost and all(target.whole for target in reached) else 1


def _deploy(system: System, edge: Edge) -> Cloud:
    started_at = datetime.now(tz=UTC)
    system.say("Preparing AWS for the CDK (cdk bootstrap)")
    deploy.bootstrap(system)
    system.say("Deploying the templates: API, functions, queues, secrets, triggers (cdk deploy)")
    outputs = deploy.deploy(
        system,
        config=SHOP / "bridge.toml",
        context={"target_urls": edge.target_urls},
        once_filled=edge.start,
    )
    edge.admit()
    system.say(f"{outputs['Triggers']} triggers in place; the database reaches {outputs['WebhookUrl']}")
    return Cloud(
        endpoint=system.aws_endpoint,
        region=REGION,
        stack=deploy.BRIDGE_STACK,
        outputs=outputs,
        started_at=started_at,
    )
