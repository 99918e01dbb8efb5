"""Conditions: which events an endpoint wants, as an expression of CEL (the Common Expression Language) over the event.

`language` compiles, and says what is wrong and where; `evaluator` evaluates, in a process beside this one (`worker`)
that the kernel ends where an expression takes longer than it may; `shares` says how much of its time each tenant has.
"""
