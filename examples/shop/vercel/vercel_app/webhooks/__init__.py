"""Signed messages from the database: verified, and each event handled once."""
