"""Starts an execution of a worker's state machine for each event of its queue."""
