"""Settings of a stage that tests change, all of them in one synthesis."""

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
CHANGED = {
    "account": "123456789012",
    "region": "eu-central-1",
    "domain_name": "hooks.example.com",
    "certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    "webhook_url": "https://in.example.com/{api_id}",
    "allowed_source_ranges": "203.0.113.0/24",
    "adopt": "1/eu/other",
    "removal": "destroy",
    "cors_origins": "https://app.example.com",
    "token_issuers": "https://auth.example.com",
    "token_audience": "shop",
    "token_cache": "0",
    "jwks_url": "https://auth.example.com/jwks",
    "subnets": "subnet-0a1b2c3d,subnet-1a1b2c3d",
    "security_groups": "sg-0a1b2c3d",
    "pool_clients": "63",
    "receiver_concurrency": "7",
    "alarm_email": "oncall@example.com",
    "backlog_alarm": "5000",
    "age_alarm": "120",
    "kms_key_arn": KEY,
    "permissions_boundary": BOUNDARY,
    "tags": "team=shop,cost-center=42",
    "termination_protection": "false",
}
