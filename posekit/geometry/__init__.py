"""Skeletons, rotations, cameras and the calibration of the data sets."""
