"""Benchmarks: the router and, where it is installed, Alertmanager under the same load in the same run."""
