"""What the tests of the shop share with those of the framework."""

pytest_plugins = ["tests.fixtures"]
