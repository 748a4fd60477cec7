"""A central that pulls over HTTP or takes MQTT, keeps books of what arrived, and can command."""
