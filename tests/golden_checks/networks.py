"""Golden checks of this domain."""

CHECKS = {}
