"""The kinds of events as data, by subject. `edge.hall.events` puts them together; nothing else reads these tables."""
