"""What the technician writes in config.toml, conf.d, the environment and the credentials directory."""
