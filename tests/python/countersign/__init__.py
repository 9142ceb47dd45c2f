"""A phone client for the Countersign phone channel, written from docs/PROTOCOL.md alone."""
