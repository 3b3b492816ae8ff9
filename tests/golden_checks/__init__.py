"""What each kind of golden checks, by domain: one module with a ``CHECKS`` dictionary each."""
