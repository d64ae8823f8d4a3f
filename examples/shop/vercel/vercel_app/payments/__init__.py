"""Charging for an order, once."""
