"""What a wrong stage is answered with, and a wrong option in its place."""

from pathlib import Path

import pytest

from tests.unit.settings_errors.mistakes import mistakes

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            "account = 123456789012",
            'stage "prod": account = 123456789012 is wrong; allowed: an AWS account\'s 12',
        ),
        ('region = "Frankfurt"', "allowed: an AWS region, for example eu-central-1"),
        ('webhook_url = "https://x.org/"', "leave out what follows the address"),
        ('webhook_url = "https://x.org/{stage}"', "the only placeholder is {api_id}"),
        ('webhook_url = "x.org"', "allowed: the https address"),
        ('webhook_url = "http://x.org"', "would send rows unencrypted; use https"),
        ('domain_name = "hooks.example.com"', "domain_name is given without certificate_arn"),
        ('certificate_arn = "x"', "allowed: the ARN of an ACM certificate"),
        ('allowed_source_ranges = ["10.0.0.1/8"]', "10.0.0.1/8 has host bits set"),
        ("throttle_rate = 0", "throttle_rate = 0 is wrong; allowed: 1 to 10000 (requests a second)"),
        ("throttle_burst = 5001", "allowed: 1 to 5000 (requests)"),
        ('database_tls = "verify_full"', 'did you mean "verify-full"?'),
        ('ping = "warning"', 'did you mean "warn"?'),
        ("fast_path_grace = 0", "allowed: 1 to 3600 (seconds)"),
        ('retention = "7"', 'retention = "7" is wrong; allowed: 1 to 365 (days)'),
        ("pause_after = 73", "pause_after = 73 is wrong; allowed: 1 to 72 (hours"),
        ("backlog_alarm = 0", "= 0 is wrong; allowed: 1 to 1000000000 (messages in the outbox)"),
        ("age_alarm = 30", "age_alarm = 30 is wrong; allowed: 60 to 604800 (seconds)"),
        ('alarm_email = "oncall"', 'alarm_email = "oncall" is wrong; allowed: one e-mail address'),
        ('alarm_email = "a@b.c, d@e.f"', "allowed: one e-mail address, for example oncall@example.com"),
        ("log_retention = 8", "log_retention = 8 is wrong; allowed: one of CloudWatch's (1, 3, 5, 7, 14"),
        ('removal = "delete"', 'allowed: "retain" or "destroy"'),
        ('termination_protection = "yes"', 'termination_protection = "yes" is wrong; allowed: true or false'),
        (
            'permissions_boundary = "boundary"',
            "allowed: the ARN of an IAM policy, for example arn:aws:iam::1",
        ),
        ('kms_key_arn = "alias/mine"', "allowed: the ARN of a symmetric KMS key in the stage's region"),
        (
            f'kms_key_arn = "{KEY}"\nregion = "us-east-1"',
            "kms_key_arn is of a key in eu-central-1, and the stage is in us-east-1",
        ),
        ('tags = { "aws:team" = "shop" }', 'names that start with "aws:" belong to AWS'),
        ('tags = { stage = "shop" }', "every resource has that tag already"),
        ('tags = { "te;am" = "shop" }', "allowed: a table of names and values, for example"),
        ('tags = { team = "a;b" }', "allowed: a table of names and values, for example"),
        ("deploy_from = []", "deploy_from = [] is wrong; allowed: a list of branches that GitHub deploys"),
        ('deploy_from = ["main", "main"]', "'main' is listed twice"),
        ('deploy_from = ["release *"]', "allowed: a list of branches that GitHub deploys from, for example"),
        ('deploy_from = ["refs/heads/main"]', "name the branch alone: main"),
        (
            'deploy_from = ["live"]\ndeploy_on_merge = true',
            'deploys pushes to main, which deploy_from lacks; add "main" to it',
        ),
        ('layer_platform = "arm64"', 'allowed: "aws" or "local"'),
        ('adopt = ""', "allowed: the owner that the refused deployment named"),
        ("retentoin = 3", '"retentoin" is no setting; did you mean "retention"?'),
        ('cors_origins = ["https://app.example.com/"]', "allowed: a list of origins whose pages"),
        ('cors_origins = ["app.example.com"]', "allowed: a list of origins whose pages"),
        ('jwks_url = "http://x.org/jwks"', "allowed: an https address"),
        ('token_audience = " "', "allowed: the value of aud in users' tokens"),
        ("token_cache = 3601", "allowed: 0 to 3600 (seconds"),
        ("rotation_days = 1001", "allowed: 0 to 1000 (days between rotations; 0: none by itself)"),
        ("rotation_overlap = 0", "allowed: 1 to 168 (hours that a previous secret stays valid)"),
        (
            "rotation_days = 7\nrotation_overlap = 168",
            "rotation_overlap = 168 (hours) must be shorter than rotation_days = 7",
        ),
        ("receiver_concurrency = 1001", "allowed: 0 to 1000 (instances at a time; 0: what the account has)"),
        ("pool_clients = 0", "allowed: 1 to 100000 (connections that the pooler accepts)"),
        ('subnets = ["subnet-0a1b2c3d"]', "subnets is given without security_groups"),
        ('security_groups = ["sg-0a1b2c3d"]', "security_groups is given without subnets"),
        ('subnets = ["vpc-1"]', "allowed: a list of subnet ids"),
    ],
)
def should_explain_a_wrong_stage(tmp_path: Path, setting: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, f"[stages.prod]\n{setting}")
    assert line.startswith('stage "prod": ')
    assert expected in line


def should_name_the_stages_there_are_when_asked_for_another(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", stage="prd")
    assert line == '-c stage: "prd" is no stage; did you mean "prod"? known: prod'


def should_name_the_option_that_gave_a_wrong_value(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", retention="ten")
    assert line.startswith(
        '-c retention=ten (for stage "prod"): retention = "ten" is wrong; allowed: 1 to 365'
    )


def should_refuse_a_misspelt_option(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "[stages.prod]", retentoin="3")
    assert 'did you mean "retention"?' in line
