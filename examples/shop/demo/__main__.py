"""The command: `python -m examples.shop.demo`, or `make demo`."""

import sys

from rich.console import Console

from examples.shop.demo import main
from tools.errors import LocalError
from tools.processes import end_as_interrupted

if __name__ == "__main__":
    end_as_interrupted()
    try:
        sys.exit(main())
    except LocalError as error:
        Console().print(str(error), style="red", markup=False, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        Console().print("Stopped.")
        sys.exit(130)
