"""What stands around runs: context kits and security reviews. Effects."""
