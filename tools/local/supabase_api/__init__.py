"""Stands in for Supabase's HTTP side on a real Postgres: gateway, PostgREST, Storage, Auth's public keys."""
