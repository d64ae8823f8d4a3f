"""The app without its acknowledgements: shows that both of cdk-nag's packs look, and that a finding fails."""

import runpy

import stacks.acknowledge

stacks.acknowledge.acknowledge = lambda *_: None

runpy.run_path("app.py", run_name="__main__")
