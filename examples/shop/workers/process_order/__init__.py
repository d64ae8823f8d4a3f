"""The worker of the webhook order.created."""
