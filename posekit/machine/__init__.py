"""What a run needs of the machine: files, devices, progress, and the record of what ran where."""
