"""The wire: ports, sockets and memory on which characters with a ninth bit travel. Knows nothing of what they mean."""
