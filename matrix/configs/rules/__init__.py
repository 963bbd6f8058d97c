"""What the security policy checks, a module for each noun; `matrix.configs.policy` is the way in."""
