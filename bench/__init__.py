"""Speed as ratios against a baseline of the same run: `python -m bench [GROUP...]`.

A group is a module of `bench/groups` with a function `measure(folder)` that gives rows. May live here: what measures.
May not: a time limit in seconds; machines differ, ratios less so.
"""
