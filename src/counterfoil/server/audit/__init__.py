"""The keeping of the audit log: segments, their files, their going, and the proof of the chain."""
