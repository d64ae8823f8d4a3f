"""What is deployed, as bridge.toml says it: the settings, the webhooks that tests start from, and targets."""

from __future__ import annotations

SETTINGS = """
[workers.process_order]
max_attempts = 2

[workers.render_receipt]
secrets = ["supabase-service-role"]

[functions.users]
routes = { "POST /users" = ["service_role"], "GET /users" = ["authenticated", "service_role"] }
secrets = ["supabase", "supabase-service-role"]

[functions.orders]
routes = { "GET /orders" = ["authenticated", "service_role"] }
secrets = ["database"]
timeout = 29
max_concurrency = 60

[functions.payments]
routes = { "POST /orders/{id}/payment" = ["authenticated"] }
secrets = ["database", "stripe"]

[functions.health]
routes = { "GET /health" = [] }
secrets = ["database", "supabase"]

[stages.local]
layer_platform = "local"
database_tls = "disable"
removal = "destroy"
fast_path_grace = 5
rotation_days = 0
pool_clients = 200
allowed_target_ranges = ["127.0.0.0/8"]
"""
CREATED = """
[[webhooks]]
name = "order.created"
table = "public.orders"
operations = ["insert"]
when = "new.total > 0"
target = "process_order"
"""
CHANGED = """
[[webhooks]]
name = "order.changed"
table = "public.orders"
operations = ["update"]
columns = ["total", "items"]
target = "process_order"
"""
PROCESSED = """
[[webhooks]]
name = "order.processed"
table = "public.orders"
operations = ["update"]
when = '''
  new.processed_at is not null and new.processed_at is distinct from old.processed_at
  and new.user_id is not null
'''
target = "render_receipt"
"""
DUE = """
[[webhooks]]
name = "order.due"
table = "public.orders"
operations = ["insert", "update"]
columns = ["payment_due_at"]
when = "new.payment_due_at is not null"
target = "expire_order"
"""
BASE = CREATED + CHANGED + PROCESSED + DUE
TARGETS = """
[[targets]]
name = "edge_worker"
url = "https://worker.example/webhook/{webhook}"

[[targets]]
name = "vercel_app"
url = "https://app.example/api/webhook/{webhook}"
"""
TO_ALL_THREE = BASE.replace(
    CREATED, CREATED.replace('"process_order"', '["process_order", "edge_worker", "vercel_app"]')
)
