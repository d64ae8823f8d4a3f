-- Does to the Vault that stands in what the loss of its volume does to the real one: the server makes a new root key.

update vault.root_key set key = extensions.gen_random_bytes(32);
