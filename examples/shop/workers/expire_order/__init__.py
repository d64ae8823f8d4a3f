"""The worker of the webhook order.due: an order that is not paid in time expires."""
