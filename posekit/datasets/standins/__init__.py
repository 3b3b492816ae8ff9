"""Stand-ins: the exact files of licensed data sets, filled with motion that everybody may use."""
