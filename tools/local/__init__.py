"""The whole system on one machine: PostgreSQL, a pooler, an AWS emulator, the deployment."""
