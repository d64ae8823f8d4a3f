"""Functions on Vercel beside a self-hosted Supabase: they take signed webhooks and reach back."""
