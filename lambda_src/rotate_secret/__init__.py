"""Rotates the secrets that sign webhooks: the API's, and one for each target outside AWS."""
