"""What a function starts with that makes its client as the documentation shows."""

import boto3

client = boto3.client("sqs")
