"""Deterministic corpora, each in two versions that can be switched in place."""
