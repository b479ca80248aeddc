"""The access policy: who may give which command where."""
