"""Multi-step talks with one machine, each a small machine of its own: answers in, polls out, at last an outcome."""
