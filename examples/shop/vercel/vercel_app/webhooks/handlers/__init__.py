"""What each webhook of `bridge.toml` does here, by its name."""

from collections.abc import Mapping

from vercel_app.webhooks.handlers import order_created
from vercel_app.webhooks.processing import Handler

HANDLERS: Mapping[str, Handler] = {"order.created": order_created.handle}
