"""Moves due messages from the outbox to their queues: on a schedule, and when the database rings."""
