"""Verifies users' tokens before a request reaches an HTTP function."""
