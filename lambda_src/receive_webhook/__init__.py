"""POST /webhooks/{webhook}: verifies a signed message and puts its events into a queue."""
