"""Plug-ins for wholepool, from outside."""
