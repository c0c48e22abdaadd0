"""Models of other frameworks as specs of ours; nothing of what is read is ever executed."""
