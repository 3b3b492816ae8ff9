"""What paper notebooks call."""
