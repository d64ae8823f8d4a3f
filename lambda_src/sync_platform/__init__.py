"""Keeps the secrets of targets on other platforms in step: a Cloudflare Worker's, a Vercel project's."""
