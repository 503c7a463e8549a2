"""One benchmark: every model, every shared task, one protocol; through the daemon's own path as well."""
