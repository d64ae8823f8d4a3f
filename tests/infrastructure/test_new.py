"""What `bridgectl new` and `init` write is synthesised as it is, without its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zipfile import ZipFile

from tests.infrastructure.assembly import ROOT, Assembly, shipped, synthesize
from tools.cli.commands import main

if TYPE_CHECKING:
    from pathlib import Path


def should_synthesise_a_new_project(tmp_path: Path) -> None:
    declaration = tmp_path / "bridge.toml"
    declaration.touch()
    # Where the package "bridge" is looked up, as from lambda_src.
    (tmp_path / "node_modules").symlink_to((ROOT / "node_modules").resolve())
    for command in (
        "init dev --region eu-central-1",
        "new worker send_receipt --table public.invoices --operations update",
        "new worker mail --language node --table public.mails",
        "new function invoices",
    ):
        main([*command.split(), "--config", str(declaration)])

    result = synthesize(tmp_path / "cdk.out", "-c", f"config={declaration}", "-c", "stage=dev")

    assert result.returncode == 0, result.stderr
    bridge = Assembly(tmp_path / "cdk.out", result.stderr).template("dev-bridge")["Resources"].values()
    codes = [resource["Properties"] for resource in bridge if resource["Type"] == "AWS::Lambda::Function"]
    [worker] = [code["Code"] for code in codes if code["Handler"] == "index.handler"]
    assert shipped(tmp_path / "cdk.out", worker) == {"index.mjs"}
    for name in ("send_receipt", "invoices"):
        [code] = [code["Code"] for code in codes if code["Handler"] == f"{name}.handler.handler"]
        archive = ZipFile(tmp_path / "cdk.out" / f"asset.{code['S3Key']}")
        assert archive.namelist() == [f"{name}/__init__.py", f"{name}/handler.py"]
