"""The harness: one process that imports an agent once, in an environment of its own, and takes many tasks.

`docs/harness.md` is its protocol. `process.py` and `instance.py` are our side of it. `start.py`, `serve.py` and
`redirect.py` run in the agent's interpreter, under another package name, with what they import of ours: the standard
library alone, Python 3.9 or later. `harness.mjs` is the same for Node.
"""
