"""One folder for each chat platform, behind the one interface of adapters/contract.py."""
