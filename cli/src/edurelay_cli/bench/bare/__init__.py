"""The bare loops, each a process of its own: the least that a stage can do with the same libraries.

They keep none of the promises that make the stages slower: no check, no identity, no state, no retry, no ledger.
"""
