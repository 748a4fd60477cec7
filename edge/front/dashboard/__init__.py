"""Pages for people: rendered here, kept alive by one stream of server-sent events, nothing from outside."""
