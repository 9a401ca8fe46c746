"""Runs the tools in turn over the corpora and reports medians, ratios and targets."""
