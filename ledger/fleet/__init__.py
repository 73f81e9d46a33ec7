"""Several nodes: one log each, a fleet log of their heads, merging, and what stands in its way.

A node's log stays the node's: no record of it is ever linked into another chain. A *fleet log* is
an ordinary ledger whose records carry the heads that nodes signed: ``announcing`` gives the records
their form, ``membership`` folds and checks them, ``observing`` looks at a node's log, ``fleet_log``
appends. A *merge* reads several logs as one, in the order (hlc, node, seq), and changes no byte:
``views``, ``merging``, ``lines``. What cannot be merged gives a ``certificate``, by the rules of
``obstruction``; ``breach`` finds what the key of a damaged log signed against itself.
"""
