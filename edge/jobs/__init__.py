"""Short processes of their own: what takes long, or must run while the field does not. They import neither half."""
