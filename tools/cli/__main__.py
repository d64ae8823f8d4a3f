"""`python -m tools.cli COMMAND`."""

from tools.cli.commands import main

main()
