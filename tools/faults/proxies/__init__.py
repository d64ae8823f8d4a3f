"""What stands between two parts and lets them be torn apart: HTTP, SQS, Postgres."""
