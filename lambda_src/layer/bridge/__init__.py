"""What the functions share: signing, events, secrets, the database, queues, the worker helper."""
