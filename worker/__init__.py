"""RQ jobs and the supervisor that `im serve` starts."""
