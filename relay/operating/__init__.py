"""Operators' acts and questions, shared by commands and the console."""
